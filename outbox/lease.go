package outbox

import (
	"context"
	"time"

	"github.com/eventnode/eventnode/internal/backoff"
)

// The lease.
//
// A relay leads while it trusts its lease: until ttl after the moment at which it began
// the last call that took or renewed it, less a tenth. The store grants ttl from a later
// moment, during that call; so if both clocks run about equally fast nobody else is
// granted it before. Then, or when the store says that another one has it, everything
// that the leader has under way is cancelled.
//
// That is for efficiency. Two leaders at once, because one was stopped by its machine in
// the wrong moment, publish the same events twice, with the same IDs; they harm neither
// order nor completeness. For each publishes a batch only if all that was added to its
// keys before is in the stream, or before it in the batch; and removes only what the
// stream has acked.

const (
	// renewals is how often a lease is renewed in its time.
	renewals = 3
	// margin is which part of a lease is not trusted.
	margin = 10
)

// trust is how long a lease is trusted that was asked for at begun.
func (r *Relay) trust(begun time.Time) time.Time {
	return begun.Add(r.cfg.Lease - r.cfg.Lease/margin)
}

// take asks for the lease, and returns until when it is trusted; the zero time: another
// one has it.
func (r *Relay) take(ctx context.Context) (until time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Lease)
	defer cancel()
	begun := time.Now()
	ok, err := r.cfg.Store.Lead(ctx, r.holder, r.cfg.Lease)
	if err != nil || !ok {
		return time.Time{}, err
	}
	return r.trust(begun), nil
}

// keep renews the lease until ctx ends; it ends ctx, by lost, when the lease is not to be
// trusted any more.
func (r *Relay) keep(ctx context.Context, until time.Time, lost context.CancelCauseFunc) {
	over := time.AfterFunc(time.Until(until), func() { lost(ErrLeaseLost) })
	defer over.Stop()
	pause := r.cfg.Lease / renewals
	for backoff.Wait(ctx, pause) {
		renewed, err := r.take(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // until over the next try may come in time
			pause = r.cfg.Lease / margin
			r.metrics.errors.WithLabelValues("lease").Inc()
			r.cfg.Logger.Warn("outbox lease not renewed", "error", err)
		case renewed.IsZero():
			lost(ErrLeaseLost)
			return
		default:
			pause = r.cfg.Lease / renewals
			over.Reset(time.Until(renewed))
		}
	}
}

// giveBack ends the lease, so that others need not wait for its end.
func (r *Relay) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Lease)
	defer cancel()
	if _, err := r.cfg.Store.Lead(ctx, r.holder, 0); err != nil {
		r.cfg.Logger.Warn("outbox lease not given back: it ends by itself", "error", err)
	}
}
