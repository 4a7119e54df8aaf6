package eventnode

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/eventnode/eventnode/internal/lanes"
)

// handleRun is one Handle at work.
type handleRun struct {
	h Handler
	o handleOptions
}

// newLanes returns the lanes of the run's mode. Of WithKeyOrder each queues
// lanes.Queue events: a full lane makes Handle wait, and so the subscription's
// queue fill.
func (r *handleRun) newLanes(ctx context.Context) lanes.Lanes[Delivery] {
	return lanes.New(r.o.mode, r.o.lanes, func(d Delivery) { r.handle(ctx, d) })
}

// handle runs the handler once and keeps its failure to itself.
func (r *handleRun) handle(ctx context.Context, d Delivery) {
	r.o.stats.Running.Add(1)
	err := r.call(ctx, d)
	r.o.stats.Running.Add(-1)
	if err == nil {
		r.o.stats.Handled.Add(1)
		return
	}
	r.fail(ctx, d, err)
}

// call turns a panic of the handler into an error.
func (r *handleRun) call(ctx context.Context, d Delivery) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return r.h(ctx, d)
}

// fail counts, logs and tells a failure. A panic of the callback is logged only:
// there is nobody left to tell.
func (r *handleRun) fail(ctx context.Context, d Delivery, err error) {
	log := r.o.log.With("event", d.Event.ID, "name", d.Event.Name, "topics", d.Topics)
	if p := (*PanicError)(nil); errors.As(err, &p) {
		r.o.stats.Panicked.Add(1)
		log.ErrorContext(ctx, "handler panicked", "panic", p.Value, "stack", string(p.Stack))
	} else {
		r.o.stats.Failed.Add(1)
		log.ErrorContext(ctx, "handler failed", "error", err)
	}
	if r.o.onError == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "error callback panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	r.o.onError(d, err)
}
