package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// A shard's lease is a lock of the durable plane. It is believed for
//
//	TTL - margin, from the moment at which the last refresh that succeeded was asked for
//
// The lock lasts TTL from when it was granted, by the cluster's time, which is later. So the
// margin is what a shard has to close its connection, and what clocks may differ in their
// pace in a TTL. Then the shard's context ends, whatever a refresh that is on its way will
// bring. A lease is asked to last again as soon as it is believed for half of the TTL, which
// is a quarter of the TTL after it was asked for the last time; and after each failure a
// moment later.

// Parts of the TTL.
const (
	marginPart  = 4
	refreshPart = 2
	retryPart   = 40
)

// lease is a shard's lock, held by this node.
type lease struct {
	lock eventnode.Lock
	ttl  time.Duration
}

// left is how long the lease is believed still.
func (l *lease) left() time.Duration { return l.lock.TTL() - l.ttl/marginPart }

// due is when to refresh it.
func (l *lease) due() time.Duration { return l.left() - l.ttl/refreshPart }

// keep refreshes the lease until ctx ends (nil), or it cannot be believed any more (why).
func (l *lease) keep(ctx context.Context) error {
	var failed error
	for pause := l.due(); ; {
		if !backoff.Wait(ctx, max(min(pause, l.left()), 0)) {
			return nil
		}
		left := l.left()
		if left <= 0 {
			return fmt.Errorf("%w: it could not be refreshed in time: %w", ErrLeaseLost, failed)
		}
		err := l.refresh(ctx, left)
		switch {
		case err == nil:
			failed, pause = nil, l.due()
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, eventnode.ErrLockLost):
			return fmt.Errorf("%w: %w", ErrLeaseLost, err)
		default:
			failed, pause = err, l.ttl/retryPart
		}
	}
}

// refresh tries to refresh for so long.
func (l *lease) refresh(ctx context.Context, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return l.lock.Refresh(ctx, l.ttl)
}

// release gives the lease back; if that fails it ends by itself.
func (l *lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl)
	defer cancel()
	_ = l.lock.Release(ctx)
}

// obtain waits for a lock until it is had, or ctx ends. told hears of what goes wrong.
func obtain(ctx context.Context, locks Locks, name string, ttl time.Duration, told func(error)) (*lease, error) {
	for {
		lock, err := locks.Obtain(ctx, name, ttl, ttl)
		switch {
		case err == nil:
			return &lease{lock, ttl}, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, eventnode.ErrLockTaken):
			told(nil)
			continue
		}
		told(err)
		if !backoff.Wait(ctx, ttl/retryPart) {
			return nil, context.Cause(ctx)
		}
	}
}
