package streams

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/placement"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

const (
	// reconcileEvery is how often a leader compares who takes part with who is there.
	reconcileEvery = time.Second
	// leadsEvery is how often a replica looks whether it leads: a new leader has to see
	// at once which node has which replica, for a node that replaces its own before
	// that is told from one that is away by nothing but time.
	leadsEvery = 50 * time.Millisecond
)

// reconcile brings a partition's replicas towards what is wanted, one step at a
// time, as long as this node leads.
func (s *Streams) reconcile(ctx context.Context, r *replica.Replica) error {
	tick := time.NewTicker(leadsEvery)
	defer tick.Stop()
	seen, next := placement.NewMemory(), time.Time{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if !r.Leads() {
			seen, next = placement.NewMemory(), time.Time{}
			continue
		}
		if time.Now().Before(next) {
			continue
		}
		next = time.Now().Add(reconcileEvery)
		if err := s.reconcileOnce(ctx, r, r.Status(), seen); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("the partition's replicas could not be changed yet", "error", err)
		}
	}
}

// reconcileOnce takes one step; where none is to be taken it remembers what every
// leader has to know.
func (s *Streams) reconcileOnce(ctx context.Context, r *replica.Replica, st replica.Status, seen *placement.Memory) error {
	known, err := s.knownReplicas(r)
	if err != nil {
		return err
	}
	for _, m := range st.Members {
		seen.Named(m.ID, known.note(m.ID).GetNode())
	}
	v := s.wanted(ctx, st, known)
	seen.Note(&v, time.Now())
	if step, ok := placement.Next(v); ok {
		if err := s.take(ctx, r, step); err != nil {
			return fmt.Errorf("%v: %w", step, err)
		}
		return nil
	}
	if level, more := placement.Level(v); more {
		s.cfg.Logger.Info("all replicas know newer storage commands, which are used from now on", "level", level, "before", v.Level)
		return s.propose(ctx, r, &storagev1.Command{Command: &storagev1.Command_RaiseLevel{RaiseLevel: &storagev1.RaiseLevel{Level: level}}})
	}
	return s.noteNames(ctx, r, st, known)
}

// wanted is what placement decides on, without a memory of who was there.
func (s *Streams) wanted(ctx context.Context, st replica.Status, known knownReplicas) placement.View {
	v := placement.View{Self: st.ID, Timeout: s.cfg.DeadReplicaTimeout, Level: known.level}
	v.Voters, v.Exact = s.replicas(known.pool)
	unfit := map[uuid.UUID]bool{}
	for _, n := range known.living {
		if n.Replica == uuid.Nil || n.Cluster != s.ClusterUUID() && n.Cluster != uuid.Nil {
			continue
		}
		unfit[n.Replica] = !fits(n, known.pool)
		v.Living = append(v.Living, placement.Node{
			Name: string(n.ID), Replica: n.Replica, Level: n.Level, Retired: known.departed(n.Replica), Unfit: unfit[n.Replica],
		})
	}
	for _, m := range st.Members {
		v.Members = append(v.Members, placement.Member{
			ID: m.ID, Voter: m.Voter, CaughtUp: !m.Voter && s.caughtUp(ctx, m.ID, st), Retired: known.departed(m.ID), Unfit: unfit[m.ID],
		})
	}
	return v
}

// maxBehind is how many entries a replica may be behind the leader to be made a
// voter.
const maxBehind = 64

// caughtUp asks a non-voter how far it is.
func (s *Streams) caughtUp(ctx context.Context, id uuid.UUID, st replica.Status) bool {
	r := s.ask(ctx, []uuid.UUID{id})[id]
	return r != nil && r.GetDurable()+maxBehind >= st.Committed
}

// take takes one step.
func (s *Streams) take(ctx context.Context, r *replica.Replica, step placement.Step) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s.cfg.Logger.Info("changing the partition's replicas", "step", step)
	if step.Action == placement.HandOver {
		return r.HandOver()
	}
	change, ok := map[placement.Action]replica.Change{
		placement.AddNonvoter: replica.AddNonvoter,
		placement.Promote:     replica.AddVoter,
		placement.Demote:      replica.Demote,
		placement.Remove:      replica.Remove,
	}[step.Action]
	if !ok {
		return fmt.Errorf("unknown step %v", step)
	}
	return r.Change(ctx, step.Replica, change)
}
