package streamsdk

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk/hands"
)

// handleAll has a handler handle batches until the end.
func (r *run) handleAll(ctx context.Context, handler eventnode.StreamHandler) error {
	for {
		b, lease, err := r.next(ctx)
		if err != nil || b == nil {
			return err
		}
		how := r.handle(lease, b, handler)
		if ctx.Err() != nil && how == hands.Failed {
			how = hands.Interrupted
		}
		r.done(b, how, ctx.Err() != nil)
	}
}

// decode decodes a batch. What cannot be decoded is nacked: it ends as a dead letter,
// and holds nobody up.
func (r *run) decode(ctx context.Context, b *hands.Batch) []*eventnode.StreamDelivery {
	events, bad := b.Decode(&r.decoder, &settler{r, b})
	for _, d := range bad {
		r.log.ErrorContext(ctx, "an event cannot be decoded", "stream", d.Stream(), "event", d.ID())
		_ = d.Nack(0) // or the lease is lost
	}
	return events
}

// handle has a handler handle a batch.
func (r *run) handle(ctx context.Context, b *hands.Batch, handler eventnode.StreamHandler) hands.Outcome {
	events := r.decode(ctx, b)
	if len(events) == 0 {
		return hands.Succeeded
	}
	if r.k.o.OnError == nil {
		return howEnded(ctx, handler(ctx, events))
	}
	err := caught(ctx, events, handler)
	if err == nil || ctx.Err() != nil {
		return howEnded(ctx, err)
	}
	if len(events) == 1 {
		r.failed(ctx, err, b, events[0])
		return hands.Succeeded
	}
	return r.isolate(ctx, b, events, handler)
}

// howEnded is how a handler ended. One that was interrupted has not failed.
func howEnded(ctx context.Context, err error) hands.Outcome {
	switch {
	case err == nil:
		return hands.Succeeded
	case ctx.Err() != nil && isAny(err, context.Canceled, context.DeadlineExceeded, context.Cause(ctx)):
		return hands.Interrupted
	}
	return hands.Failed
}

// isolate has each event handled alone that nothing was said of. In a keyed group those
// behind one that failed, of the same key, are given back: they come behind it again.
func (r *run) isolate(ctx context.Context, b *hands.Batch, events []*eventnode.StreamDelivery, handler eventnode.StreamHandler) hands.Outcome {
	type key struct{ stream, key string }
	failed := map[key]bool{}
	for _, d := range events {
		if ctx.Err() != nil {
			return hands.Interrupted
		}
		if !r.holds(b, d) {
			continue
		}
		at := key{d.Stream(), d.Event().Key}
		if failed[at] {
			_ = d.GiveBack() // or the lease is lost
			continue
		}
		err := caught(ctx, []*eventnode.StreamDelivery{d}, handler)
		switch {
		case howEnded(ctx, err) == hands.Interrupted:
			return hands.Interrupted
		case err != nil:
			r.failed(ctx, err, b, d)
			failed[at] = at.key != "" && r.keyed(at.stream)
		case !r.k.o.ManualAck:
			_ = d.Ack() // or something was said already, or the lease is lost
		}
	}
	return hands.Succeeded
}

// failed tells that an event could not be handled, and nacks it.
func (r *run) failed(ctx context.Context, err error, b *hands.Batch, d *eventnode.StreamDelivery) {
	if !r.holds(b, d) {
		return
	}
	r.k.o.OnError(ctx, err, d)
	_ = d.Nack(0) // or something was said already, or the lease is lost
}

func (r *run) keyed(stream string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hands.Keyed(stream)
}

func (r *run) holds(b *hands.Batch, d *eventnode.StreamDelivery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hands.Holds(b, d)
}

// caught calls a handler, and makes an error of a panic.
func caught(ctx context.Context, events []*eventnode.StreamDelivery, handler eventnode.StreamHandler) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("the handler panicked: %w\n%s", p, debug.Stack())
		default:
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return handler(ctx, events)
}

// yieldAll yields events one by one until the end, or until the loop is left.
func (r *run) yieldAll(ctx context.Context, yield func(*eventnode.StreamDelivery, error) bool) (stopped bool, err error) {
	for {
		b, lease, err := r.next(ctx)
		if err != nil || b == nil {
			return false, err
		}
		for _, d := range r.decode(lease, b) {
			if ctx.Err() != nil || lease.Err() != nil {
				break
			}
			if stopped = !yield(d, nil); stopped {
				r.done(b, hands.Interrupted, true) // this one, too
				return true, nil
			}
			if !r.k.o.ManualAck {
				if err := d.Ack(); err != nil && !isAny(err, eventnode.ErrNotPending, eventnode.ErrFenced) {
					return false, err
				}
			}
		}
		how := hands.Succeeded
		if ctx.Err() != nil {
			how = hands.Interrupted
		}
		r.done(b, how, ctx.Err() != nil)
	}
}
