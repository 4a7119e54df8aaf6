package streams

import (
	"fmt"
	"strings"

	"github.com/eventnode/eventnode/internal/labels"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Where the partition's replicas are to be is what its pool says, which is in its
// state: every leader wants the same. What the pool does not say is as the leader's
// node was told.

// replicas is how many are to vote, and whether all leaders agree on that.
func (s *Streams) replicas(pool *storagev1.Pool) (voters int, agreed bool) {
	if n := int(pool.GetReplicas()); n > 0 {
		return n, true
	}
	return s.cfg.Replicas, false
}

// fits reports whether a node has what the pool asks for.
func fits(n Node, pool *storagev1.Pool) bool { return labels.Fit(n.Labels, state.PoolLabels(pool)) }

// unplaced says that too few nodes have what the pool asks for, or that replicas are
// on others.
func (s *Streams) unplaced(known knownReplicas) []string {
	want, _ := s.replicas(known.pool)
	if len(known.pool.GetLabels()) == 0 {
		return nil
	}
	fit := 0
	for _, n := range known.living {
		if fits(n, known.pool) && !known.departed(n.Replica) {
			fit++
		}
	}
	if fit >= want {
		return nil
	}
	return []string{fmt.Sprintf("pool %q wants %d replicas on nodes with %s, and %d living nodes with storage have that (serve --label): replicas stay where they are until more do",
		known.pool.GetName(), want, strings.Join(labels.Format(state.PoolLabels(known.pool)), ","), fit)}
}
