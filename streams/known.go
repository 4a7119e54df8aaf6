package streams

import (
	"context"
	"slices"

	"github.com/google/uuid"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// What every leader has to know of replicas is a row of the partition's state: the
// names of their nodes, so that a dead one can be called by its name when gossip has
// forgotten it, and who went for good, so that no leader takes it back.

// knownReplicas is that row, and the level of the commands that are used.
type knownReplicas struct {
	notes  []*storagev1.ReplicaNote
	level  uint32
	pool   *storagev1.Pool // where the replicas are to be
	living []Node          // with storage, as gossip has them
}

// knownReplicas reads the row as this node has it.
func (s *Streams) knownReplicas(r partition) (k knownReplicas, err error) {
	k.living = s.cfg.Peers.Nodes()
	v, done, err := r.Look()
	if err != nil {
		return k, err
	}
	defer done()
	if k.level, err = v.Level(); err != nil {
		return k, err
	}
	if k.pool, err = v.Placement(); err != nil {
		return k, err
	}
	k.notes, err = v.Replicas()
	return k, err
}

// NodeOf is the name of the node that has a replica, or had it, as the replicas have
// agreed on it; "": nothing is remembered.
func (s *Streams) NodeOf(id uuid.UUID) string {
	r, ok := s.partition()
	if !ok {
		return ""
	}
	known, err := s.knownReplicas(r)
	if err != nil {
		return ""
	}
	return known.note(id).GetNode()
}

// note is what is known of a replica; nil: nothing.
func (k knownReplicas) note(id uuid.UUID) *storagev1.ReplicaNote {
	i := slices.IndexFunc(k.notes, func(n *storagev1.ReplicaNote) bool { return string(n.GetReplica()) == string(id[:]) })
	if i < 0 {
		return nil
	}
	return k.notes[i]
}

// departed reports whether a replica goes, or is gone, for good.
func (k knownReplicas) departed(id uuid.UUID) bool {
	return k.note(id).GetDeparture() != storagev1.Departure_DEPARTURE_UNSPECIFIED
}

// name is that of the node which has a replica, or had it; its UUID, if that is not
// known.
func (k knownReplicas) name(id uuid.UUID) string {
	if n := k.note(id).GetNode(); n != "" {
		return n
	}
	for _, n := range k.living {
		if n.Replica == id {
			return string(n.ID)
		}
	}
	return "replica " + id.String()
}

// noteNames remembers the nodes of members of which another one, or none, is
// remembered.
func (s *Streams) noteNames(ctx context.Context, r *replica.Replica, st replica.Status, known knownReplicas) error {
	for _, m := range st.Members {
		for _, n := range known.living {
			if n.Replica != m.ID || known.note(m.ID).GetNode() == string(n.ID) {
				continue
			}
			if err := s.noteReplica(ctx, r, &storagev1.NoteReplica{Replica: m.ID[:], Node: string(n.ID)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Streams) noteReplica(ctx context.Context, r *replica.Replica, n *storagev1.NoteReplica) error {
	return s.propose(ctx, r, &storagev1.Command{Command: &storagev1.Command_NoteReplica{NoteReplica: n}})
}
