package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// lookAgain is how often it is looked whether what was asked for is done, beside when
// something is heard.
const lookAgain = 250 * time.Millisecond

// List is all shards, in order, as this node knows them.
func (f *Fleet) List(ctx context.Context) ([]Status, error) {
	p, err := f.ready(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Status, 0, len(p.Spec.Indices()))
	for _, i := range p.Spec.Indices() {
		out = append(out, f.status(p, i))
	}
	return out, nil
}

// Start has a shard that was stopped, or has failed, run again, and returns when it is
// connected. If it fails again the error is ErrShardFailed.
func (f *Fleet) Start(ctx context.Context, shard int) error {
	err := f.change(ctx, shard, func(p *plan) bool {
		_, failed := p.Failed[shard]
		changed := failed || p.Stopped[shard]
		delete(p.Failed, shard)
		delete(p.Stopped, shard)
		return changed
	})
	if err != nil {
		return err
	}
	return f.await(ctx, shard, func(s Status) bool { return s.State == StateConnected })
}

// Stop has a shard not run, and returns when it surely does not. It stays so, also when all
// nodes are started anew, until Start.
func (f *Fleet) Stop(ctx context.Context, shard int) error {
	err := f.change(ctx, shard, func(p *plan) bool {
		changed := !p.Stopped[shard]
		p.Stopped[shard] = true
		return changed
	})
	for err == nil {
		var info eventnode.LockInfo
		// Whoever gets the lease from now on sees that the shard is stopped.
		if info, err = f.cfg.Locks.Info(ctx, f.cfg.lock("lease", shard)); err == nil && !info.Held {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			err = nil // ask again
		}
		if err == nil {
			err = f.pause(ctx, shard)
		}
	}
	if ctx.Err() != nil && !errors.Is(err, ErrPending) {
		return f.pending(ctx, shard)
	}
	return err
}

// Move has a shard run on a node, as long as that one runs the source: when it does not, the
// shard is placed like others. It returns when the shard is connected there; at once if it is
// stopped or has failed. Without a node the shard is placed like others from now on.
func (f *Fleet) Move(ctx context.Context, shard int, node eventnode.NodeID) error {
	p, err := f.ready(ctx)
	if err != nil {
		return err
	}
	if err := f.checkRunner(p, node); err != nil {
		return err
	}
	if err := f.change(ctx, shard, func(p *plan) bool {
		changed := p.Pins[shard] != node
		p.Pins[shard] = node
		p.trim()
		return changed
	}); err != nil {
		return err
	}
	if p, _ = f.control.now(); node == "" || !p.runs(ShardID{shard, p.Spec.Total}) {
		return nil
	}
	return f.await(ctx, shard, func(s Status) bool { return s.State == StateConnected && s.Node == node })
}

// checkRunner says whether a node runs the source.
func (f *Fleet) checkRunner(p plan, node eventnode.NodeID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	runners, _ := f.view.who(p.Spec)
	if node != "" && !slices.Contains(runners, node) {
		return fmt.Errorf("%.64q does not run %s: use one of %q: %w", node, f.cfg.Source, runners, ErrNoRunner)
	}
	return nil
}

// change changes what the plan says of a shard.
func (f *Fleet) change(ctx context.Context, shard int, change func(*plan) bool) error {
	if _, err := f.ready(ctx); err != nil {
		return err
	}
	_, err := f.control.edit(ctx, func(p *plan) (bool, error) {
		if err := p.check(shard); err != nil {
			return false, err
		}
		return change(p), nil
	})
	return err
}

// ready waits until this node knows the plan and sees the others.
func (f *Fleet) ready(ctx context.Context) (plan, error) {
	for {
		next := f.bell.next()
		p, known := f.control.now()
		f.mu.Lock()
		seen, why := !f.seen.IsZero(), f.unasked
		f.mu.Unlock()
		select {
		case <-f.ended:
			return p, ErrClosed
		default:
		}
		if known && seen && p.Spec != Auto() {
			return p, nil
		}
		select {
		case <-next:
		case <-f.ended:
		case <-ctx.Done():
			return p, fmt.Errorf("the shards of %s are not known yet%s: %w: %w", f.cfg.Source, why, eventnode.ErrUnavailable, context.Cause(ctx))
		}
	}
}

// await waits until a shard is as it is to be.
func (f *Fleet) await(ctx context.Context, shard int, is func(Status) bool) error {
	for {
		p, _ := f.control.now()
		failed, isFailed := p.Failed[shard]
		switch {
		case is(f.status(p, shard)):
			return nil
		case isFailed: // and not since before
			return fmt.Errorf("shard %d: %s: %w", shard, failed.Reason, ErrShardFailed)
		case p.Stopped[shard]:
			return fmt.Errorf("shard %d was stopped by somebody else meanwhile: %w", shard, ErrPending)
		}
		if err := f.pause(ctx, shard); err != nil {
			return err
		}
	}
}

// pause waits a moment, or until something is heard.
func (f *Fleet) pause(ctx context.Context, shard int) error {
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	select {
	case <-f.bell.next():
	case <-timer.C:
	case <-f.ended:
		return ErrClosed
	case <-ctx.Done():
		return f.pending(ctx, shard)
	}
	return nil
}

// pending says what a command waits for.
func (f *Fleet) pending(ctx context.Context, shard int) error {
	p, _ := f.control.now()
	s := f.status(p, shard)
	what := fmt.Sprintf("shard %d is %s", shard, s.State)
	if s.Node != "" {
		what += " on " + string(s.Node)
	}
	if s.State == StateStopped {
		what += ", but somebody has its lease still: a node that has died or is cut off, until that ends"
	}
	if s.Err != "" {
		what += " (" + s.Err + ")"
	}
	return fmt.Errorf("%s: %w: %w", what, ErrPending, context.Cause(ctx))
}

// status is a shard, of all that this node knows.
func (f *Fleet) status(p plan, shard int) Status {
	id := ShardID{shard, p.Spec.Total}
	s := Status{ID: id, State: StateUnplaced, Pin: p.Pins[shard]}
	if k, ok := f.keeper.newest(shard); ok && k.Total == id.Total {
		s.Session, s.Seq, s.KeptBy, s.Kept = k.Session, k.Seq, k.Node, time.UnixMilli(k.At)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if node := f.placed[shard]; node != "" {
		s.Node, s.State = node, StateWaiting
	}
	node, meta, ok := f.view.at(id)
	if ok {
		s.Node, s.State, s.Since = node, meta.State, time.UnixMilli(meta.Since)
		s.Restarts, s.Err = meta.Restarts, meta.Error
	}
	failed, isFailed := p.Failed[shard]
	switch {
	case p.runs(id):
	case ok && meta.State != StateWaiting && meta.State != StateFailed:
		s.State = StateStopping
	case isFailed:
		s.State, s.Node, s.Err, s.Since = StateFailed, failed.Node, failed.Reason, time.UnixMilli(failed.At)
	default:
		s.State, s.Node = StateStopped, ""
	}
	return s
}
