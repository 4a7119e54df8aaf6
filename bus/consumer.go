package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/lanes"
)

// Consumer consumes events: by handlers (On, Run), or one after the other (Consume). It is
// safe for concurrent use; it consumes once at a time.
type Consumer struct {
	cfg      Config
	handlers handlers
	handle   HandlerFunc // the handlers with all that is around them
	count    counters
	open     session[*receiving]
	busy     atomic.Bool
}

// receiving is a receiver that is open, and its end.
type receiving struct {
	Receiver
	ended context.Context //nolint:containedctx // ends with Close
	end   context.CancelFunc
}

var _ Starter = (*Consumer)(nil)

// NewConsumer makes a consumer, which Start starts.
func NewConsumer(cfg Config) (*Consumer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("bus: consumer: %w", err)
	}
	c := &Consumer{cfg: cfg, handle: callAll}
	for _, m := range slices.Backward(cfg.Middleware) {
		c.handle = m(c.handle)
	}
	return c, nil
}

// Start opens what it needs of the transport, until Close; ctx bounds only that. What is
// produced on a topic from then on is received. A type that was registered wrongly is
// told here.
func (c *Consumer) Start(ctx context.Context) error {
	if err := c.cfg.Registry.Err(); err != nil {
		return err
	}
	err := c.open.start(func() (*receiving, error) {
		r, err := c.cfg.Transport.OpenReceiver(ctx)
		if err != nil {
			return nil, err
		}
		open := &receiving{Receiver: r}
		open.ended, open.end = context.WithCancel(context.Background())
		return open, nil
	})
	if err != nil {
		return fmt.Errorf("bus: start the consumer: %w", err)
	}
	return nil
}

// Close ends the consumer: the contexts of Run and of its handlers end, and Run and
// Consume return when those have returned. It does not wait for that, so that a handler
// may call it. It may be started again. Closing what is not open is no error.
func (c *Consumer) Close(context.Context) error {
	r, ok := c.open.end()
	if !ok {
		return nil
	}
	r.end()
	if err := r.Close(); err != nil {
		return fmt.Errorf("bus: close the consumer: %w", err)
	}
	return nil
}

// Run receives events and has them handled, until ctx ends or Close is called, which is
// no error. It returns when all handlers have. What they did not come to is given back.
//
// A handler that returns nil has the event acked, one that fails or panics has it nacked
// (Config.OnError); one that was interrupted, and returns its context's error, has it
// given back. None of these ends Run: the next event is handled. An error is the
// transport's, ErrSlowSubscriber for example, or ErrClosed if it was not started.
func (c *Consumer) Run(ctx context.Context) error {
	type work struct {
		ctx context.Context //nolint:containedctx // of this one delivery
		d   *Delivery
	}
	mode := lanes.Direct
	if c.cfg.Concurrency > 1 {
		mode = lanes.Keyed
	}
	to := lanes.New(mode, c.cfg.Concurrency, func(w work) { c.handleOne(w.ctx, w.d) })
	defer to.Wait()
	return c.receive(ctx, func(ctx context.Context, d *Delivery) error {
		if d.Gap != nil {
			to.Wait()
			c.gap(ctx, *d.Gap)
			return nil
		}
		to.Give(d.Event.Key, work{ctx, d})
		return nil
	})
}

// errLeft says that the loop over Consume was left.
var errLeft = errors.New("the loop was left")

// Consume ranges over events, in their order, until ctx ends or Close is called. Handlers
// and middleware are not called.
//
// An event is acked when the next one is asked for, unless something was said of it
// before. One at which the loop is left is given back. An event that cannot be read is
// not among them: it is told to Config.OnError, and becomes what Config.Malformed says.
// An error is the last pair; it is as that of Run.
func (c *Consumer) Consume(ctx context.Context) iter.Seq2[*AckEvent, error] {
	return func(yield func(*AckEvent, error) bool) {
		err := c.receive(ctx, func(ctx context.Context, d *Delivery) error {
			if d.Gap != nil {
				c.gap(ctx, *d.Gap)
				return nil
			}
			return c.yieldOne(ctx, d, yield)
		})
		if err != nil && !errors.Is(err, errLeft) {
			yield(nil, err)
		}
	}
}

// yieldOne yields one event, and settles it, also if the loop's body panics.
func (c *Consumer) yieldOne(ctx context.Context, d *Delivery, yield func(*AckEvent, error) bool) error {
	a := c.received(d)
	if ctx.Err() != nil || d.Settler.Withdrawn(d) {
		c.giveBack(ctx, a)
		return nil
	}
	if err := c.read(a); err != nil {
		c.malformed(ctx, a, err)
		return nil
	}
	more := false
	defer func() {
		if !more {
			c.giveBack(ctx, a)
		}
	}()
	if more = yield(a, nil); !more {
		return errLeft
	}
	c.count.handled.Add(1)
	c.settle(ctx, a, eventnode.Settlement{Verb: eventnode.VerbAck})
	return nil
}

// receive receives, once at a time.
func (c *Consumer) receive(ctx context.Context, take func(context.Context, *Delivery) error) error {
	r, err := c.open.get()
	if err != nil {
		return fmt.Errorf("bus: consume: %w", err)
	}
	if !c.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("bus: this consumer consumes already: make another one: %w", eventnode.ErrInvalidArgument)
	}
	defer c.busy.Store(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ended, cancel)()
	return r.Receive(ctx, take)
}
