package streams

import (
	"context"
	"time"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

const (
	// upkeepEvery is how often a leader looks for what has come of age: so much later
	// it goes, where nothing is published.
	upkeepEvery = time.Second
	// compareEvery is how often replicas compare their states, if these have changed.
	compareEvery = 10 * time.Second
	// ticksAtOnce bounds the streams of one Tick; the others have their turn with the
	// next.
	ticksAtOnce = 1024
)

// upkeep proposes what nobody asks for, as long as this node leads: the passing of
// time, and the comparison of replicas. A cluster at rest writes nothing.
func (s *Streams) upkeep(ctx context.Context, r *replica.Replica) error {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	var compared engine.Chain
	for last := time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if !r.Leads() {
			continue
		}
		s.rehearse(ctx, r)
		if err := s.expire(ctx, r); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("what has come of age stays for now", "error", err)
		}
		if st := r.Status(); time.Since(last) >= compareEvery && st.Chain != compared {
			last = time.Now()
			s.compare(ctx, r, st)
			compared = r.Status().Chain
		}
	}
}

// expire lets go what has come of age.
func (s *Streams) expire(ctx context.Context, r *replica.Replica) error {
	view, done, err := r.Look()
	if err != nil {
		return err
	}
	due, err := view.Due(r.Status().StampMS, ticksAtOnce)
	done()
	if err != nil || len(due) == 0 {
		return err
	}
	return s.propose(ctx, r, &storagev1.Command{Command: &storagev1.Command_Tick{
		Tick: &storagev1.Tick{Streams: due}}})
}

func (s *Streams) propose(ctx context.Context, r *replica.Replica, c *storagev1.Command) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	result, err := r.Propose(ctx, &replica.Proposal{Command: c})
	if err != nil {
		return err
	}
	return result.Err
}
