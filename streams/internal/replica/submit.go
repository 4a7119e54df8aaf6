package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Submit puts a command behind those that were submitted before it, by the same
// caller or by one that was told so: they are applied in that order, those that
// are. It waits while the queue is full. Wait, which must be called once, returns
// the result; until then the proposal's events must stay as they are.
func (r *Replica) Submit(ctx context.Context, p *Proposal) (wait func(context.Context) (state.Result, error), err error) {
	s, err := r.present()
	if err != nil {
		return nil, err
	}
	if s.ready.Load() == 0 || s.handing.Load() > 0 {
		return nil, s.notLeader()
	}
	if p.Publish != nil && s.refuses.Load() {
		return nil, fmt.Errorf("less than %d MiB are free on the disks of the replicas: %w", s.cfg.MinFreeBytes>>20, eventnode.ErrStorageFull)
	}
	if err := s.mayUse(p.Command); err != nil {
		return nil, err
	}
	w, err := s.commits.submit(ctx, p)
	if err != nil {
		return nil, err
	}
	return w.wait, nil
}

// Propose has a command applied, and returns its result: see the package's
// guarantees for what an error means. It waits while the queue is full.
func (r *Replica) Propose(ctx context.Context, p *Proposal) (state.Result, error) {
	wait, err := r.Submit(ctx, p)
	if err != nil {
		return state.Result{}, err
	}
	return wait(ctx)
}

// Reign is the term in which this replica leads, and is ready to, as far as it knows,
// and the partition's time in milliseconds since 1970; term 0: it does not.
func (r *Replica) Reign() (term uint64, stampMS int64) {
	s, err := r.present()
	if err != nil || s.handing.Load() > 0 || s.raft.State() != raft.Leader {
		return 0, 0
	}
	stampMS, _ = s.clock.read(time.Now())
	return s.ready.Load(), stampMS
}

// Leads reports whether this replica is the leader, and ready, as far as it knows; one
// that is handing over is neither.
func (r *Replica) Leads() bool {
	s, err := r.present()
	return err == nil && s.ready.Load() != 0 && s.handing.Load() == 0 && s.raft.State() == raft.Leader
}
