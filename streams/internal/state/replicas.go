package state

import (
	"slices"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// maxReplicas bounds the replicas that are remembered, those that are gone
// included: some 20 KiB, in one row that is seldom written. The first one goes: it
// is the one that left longest ago, or it is noted again.
const maxReplicas = 256

// maxNode bounds the name of a node, in bytes.
const maxNode = 255

// noteReplica remembers something of a replica. That it is gone is never taken back.
func (t *turn) noteReplica(c *storagev1.NoteReplica) error {
	if len(c.GetReplica()) != idBytes || len(c.GetNode()) > maxNode {
		return invalid("a replica has a UUID of %d bytes, and its node a name of at most %d", idBytes, maxNode)
	}
	row, err := loadReplicas(t.batch, t.keys)
	if err != nil {
		return err
	}
	before := proto.CloneOf(row)
	n := noteOf(row, c.GetReplica())
	if n == nil {
		n = &storagev1.ReplicaNote{Replica: c.GetReplica()}
		row.Replicas = append(row.Replicas, n)
		row.Replicas = row.Replicas[max(0, len(row.Replicas)-maxReplicas):]
	}
	if c.GetNode() != "" {
		n.Node = c.GetNode()
	}
	if n.GetDeparture() == storagev1.Departure_DEPARTURE_UNSPECIFIED && c.GetDeparture() != n.GetDeparture() {
		n.Departure, n.DepartedMs = c.GetDeparture(), t.now
	}
	if proto.Equal(before, row) {
		return nil
	}
	return t.store(t.keys.replicas(), row)
}

func loadReplicas(r engine.Reader, k keys) (*storagev1.ReplicasRow, error) {
	row := &storagev1.ReplicasRow{}
	_, err := load(r, k.replicas(), row)
	return row, err
}

// noteOf is what is remembered of a replica; nil: nothing.
func noteOf(row *storagev1.ReplicasRow, replica []byte) *storagev1.ReplicaNote {
	i := slices.IndexFunc(row.GetReplicas(), func(n *storagev1.ReplicaNote) bool { return string(n.GetReplica()) == string(replica) })
	if i < 0 {
		return nil
	}
	return row.GetReplicas()[i]
}

// Replicas is what is remembered of replicas, those that are gone included.
func (v View) Replicas() ([]*storagev1.ReplicaNote, error) {
	row, err := loadReplicas(v.r, v.keys)
	return row.GetReplicas(), unwrap(err)
}
