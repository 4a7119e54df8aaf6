package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// ErrDeparted says that this node's copy of the streams left or was removed, so that
// nobody counts on it any more: move its data directory away, and start with an empty
// one to take part again.
var ErrDeparted = errors.New("this copy of the streams has no part in its cluster any more")

const (
	// standingEvery is how often a replica that hears no leader asks whether it still
	// has a part, and standingQuiet is for how long it has heard none then.
	standingEvery = time.Second
	standingQuiet = 2 * time.Second
)

// standing finds out that this replica left or was removed while it was not there:
// no leader tells it, for nobody counts on it, and it would wait for ever. It returns
// ErrDeparted then, and the data directory remembers it.
func (s *Streams) standing(ctx context.Context, r *replica.Replica) error {
	tick := time.NewTicker(standingEvery)
	defer tick.Stop()
	for quiet := time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		st := r.Status()
		if st.Leads || time.Since(st.Contact) < standingQuiet || s.leaving.Load() > 0 {
			quiet = time.Now()
			continue
		}
		if time.Since(quiet) < standingQuiet {
			continue
		}
		how := s.askStanding(ctx, r, st)
		if how == "" {
			continue
		}
		if err := s.depart(how); err != nil {
			return err
		}
		return fmt.Errorf("%w: %w", ErrDeparted, s.remembered().Usable())
	}
}

// askStanding asks all others, and this node's own state; "": nobody knows that it
// has no part any more.
func (s *Streams) askStanding(ctx context.Context, r *replica.Replica, st replica.Status) forming.Stage {
	if how := s.standingOf(r, st, st.ID); how != "" {
		return how
	}
	cluster := s.ClusterUUID()
	nodes := slices.DeleteFunc(slices.Clone(s.cfg.Peers.Nodes()), func(n Node) bool { return n.Replica == st.ID || n.Cluster != cluster })
	for _, resp := range askNodes(ctx, s.cfg.Peers, nodes, &clusterv1.ReplicasRequest{Asker: st.ID[:]}, askTimeout) {
		switch how := forming.Stage(resp.GetDeparted()); how {
		case forming.Left, forming.Removed:
			return how
		case forming.Alone, forming.Promised, forming.Belongs:
		}
	}
	return ""
}

// standingOf says whether a replica has gone for good, as far as this node knows: not
// as long as it is still a member.
func (s *Streams) standingOf(r partition, st replica.Status, id uuid.UUID) forming.Stage {
	known, err := s.knownReplicas(r)
	if err != nil || isMember(st, id) {
		return ""
	}
	switch known.note(id).GetDeparture() {
	case storagev1.Departure_DEPARTURE_LEFT:
		return forming.Left
	case storagev1.Departure_DEPARTURE_REMOVED:
		return forming.Removed
	case storagev1.Departure_DEPARTURE_UNSPECIFIED:
	}
	return ""
}
