package eventnode

import (
	"context"
	"errors"
	"log/slog"

	"github.com/eventnode/eventnode/internal/lanes"
)

// Handler handles one delivery. Its caller is [Handle]; whether calls overlap
// is the mode's affair. It may block: that holds up its lane, and when no lane
// is free the subscription's queue, whose policy then decides.
type Handler func(ctx context.Context, d Delivery) error

// HandleOption changes one Handle.
type HandleOption func(*handleOptions)

// handleOptions is what HandleOption sets.
type handleOptions struct {
	mode    lanes.Mode
	lanes   int
	onError func(Delivery, error)
	stats   *HandleStats
	log     *slog.Logger
}

// DefaultHandlers is how many handlers run at once if nobody says how many.
const DefaultHandlers = 64

// WithConcurrency handles each event by itself, in no order, at most n at once
// (0: 64).
func WithConcurrency(n int) HandleOption {
	return func(o *handleOptions) { o.mode, o.lanes = lanes.Free, n }
}

// WithKeyOrder handles in n lanes (0: 64): events with the same Key one after
// the other, in their order; other keys beside them. Events without a Key ask
// for no order and take the lanes in turn. A lane queues up to 16 events; while
// one is full, the others get nothing new.
func WithKeyOrder(n int) HandleOption {
	return func(o *handleOptions) { o.mode, o.lanes = lanes.Keyed, n }
}

// WithOnError calls f for each delivery whose handler failed or panicked (then
// with a *PanicError). Calls overlap where handlers do; f may block, as its
// handler may.
func WithOnError(f func(Delivery, error)) HandleOption {
	return func(o *handleOptions) { o.onError = f }
}

// WithHandleStats counts into s while Handle runs.
func WithHandleStats(s *HandleStats) HandleOption {
	return func(o *handleOptions) { o.stats = s }
}

// WithHandleLogger logs each failure, panics with their stack. Defaults to
// none.
func WithHandleLogger(log *slog.Logger) HandleOption {
	return func(o *handleOptions) { o.log = log }
}

// newHandleOptions applies opts to the defaults.
func newHandleOptions(opts []HandleOption) handleOptions {
	var o handleOptions
	for _, opt := range opts {
		opt(&o)
	}
	if o.lanes <= 0 {
		o.lanes = DefaultHandlers
	}
	if o.stats == nil {
		o.stats = new(HandleStats)
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	return o
}

// TracedSubscription is a subscription whose handlers have spans. Those of a client or a
// node with a TracerProvider are.
type TracedSubscription interface {
	Subscription
	// TraceHandler puts spans around a handler.
	TraceHandler(h Handler) Handler
}

// Handle gives each delivery of sub to h, one after the other unless an option
// says otherwise. It returns when the subscription or ctx has ended and every
// handler has returned: nil after Close of the subscription and after the end
// of ctx, else the subscription's error. It does not close sub.
//
// A handler that fails or panics is alone in that: the failure is logged,
// counted and told to [WithOnError], and the next delivery is handled.
//
// Gaps go to the handler too (Delivery.Gap is set). In every mode a gap keeps
// its place: all handlers of what came before it have returned, and none of
// what comes after it has begun.
//
// Only one Handle, Receive or All may read a subscription at a time.
func Handle(ctx context.Context, sub Subscription, h Handler, opts ...HandleOption) error {
	if t, ok := sub.(TracedSubscription); ok {
		h = t.TraceHandler(h)
	}
	r := &handleRun{h: h, o: newHandleOptions(opts)}
	to := r.newLanes(ctx)
	defer to.Wait()
	for {
		d, err := sub.Receive(ctx)
		switch {
		case err == nil && d.Gap != nil:
			to.Wait()
			r.o.stats.Gaps.Add(1)
			r.handle(ctx, d)
		case err == nil:
			to.Give(d.Event.Key, d)
		case errors.Is(err, ErrClosed) || ctx.Err() != nil:
			return nil
		default:
			return err
		}
	}
}
