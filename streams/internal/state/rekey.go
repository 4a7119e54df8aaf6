package state

import (
	"fmt"

	"github.com/google/uuid"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Rekey makes the state that of another cluster: it gets that one's UUID, and forgets
// the replicas of the old one. Positions, producers and event IDs go on. The caller
// commits the batch as an entry of its own.
func Rekey(b engine.Batch, partition uint32, cluster uuid.UUID) error {
	row := &storagev1.PartitionRow{}
	k := keys(partition)
	found, err := load(b, k.partition(), row)
	switch {
	case err != nil:
		return unwrap(err)
	case !found: // a partition into which nothing was ever written
		row.Partition = partition
	case row.GetPartition() != partition:
		return damaged("the row of partition %d is that of %d", partition, row.GetPartition())
	}
	row.ClusterUuid = cluster[:]
	b.Delete(k.replicas())
	t := &turn{keys: k, batch: b}
	if err := unwrap(t.store(k.partition(), row)); err != nil {
		return fmt.Errorf("re-key: %w", err)
	}
	return nil
}
