package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/backoff"
)

// planName is the name of the events of a control stream, and planCount how many are kept:
// the newest is the whole, others are there in case somebody publishes what is none.
const (
	planName  = "fleet_plan"
	planCount = 4
	jsonType  = "application/json"
)

// control is the plan, as the control stream has it.
type control struct {
	streams Streams
	stream  string
	log     *slog.Logger
	bell    *bell
	turn    chan struct{} // one place: who has put something there edits

	mu    sync.Mutex
	plan  plan
	at    eventnode.Position
	known bool
}

func newControl(c Config, b *bell) *control {
	return &control{streams: c.Streams, stream: c.stream("control"), log: c.Logger, bell: b, turn: make(chan struct{}, 1)}
}

// now is the newest plan that is known; false: none was read yet.
func (c *control) now() (plan, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plan, c.known
}

// place is where the newest event is that was read.
func (c *control) place() eventnode.Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// learn takes an event of the stream in, unless a newer one is known.
func (c *control) learn(at eventnode.Position, p plan, readable bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.Compare(c.at) <= 0 {
		return
	}
	c.at = at
	if readable {
		c.plan = p
	}
}

// take takes an event as it was read.
func (c *control) take(ctx context.Context, ev eventnode.StreamEvent) {
	p, err := parsePlan(ev.Event.Data)
	if err != nil || ev.Event.Name != planName {
		c.log.ErrorContext(ctx, "an event of the control stream is no plan, and is skipped", "stream", c.stream, "position", ev.Position.String(), "error", err)
	}
	c.learn(ev.Position, p, err == nil && ev.Event.Name == planName)
}

// fresh reads the plan as it is now.
func (c *control) fresh(ctx context.Context) error {
	for ev, err := range c.streams.Read(ctx, c.stream, eventnode.WithAfter(c.place())) {
		if err != nil {
			return fmt.Errorf("read the plan: %w", err)
		}
		c.take(ctx, ev)
	}
	c.mu.Lock()
	c.known = true
	c.mu.Unlock()
	c.bell.ring()
	return nil
}

// follow reads what is published, until ctx ends.
func (c *control) follow(ctx context.Context) {
	patiently(ctx, c.log, "read the plan", func() error {
		if err := c.fresh(ctx); err != nil {
			return c.declared(ctx, err)
		}
		for ev, err := range c.streams.Read(ctx, c.stream, eventnode.WithAfter(c.place()), eventnode.WithFollow()) {
			if err != nil {
				return err
			}
			c.take(ctx, ev)
			c.bell.ring()
		}
		return errByself
	})
}

// declared is an error, with the stream declared if that was what is missing.
func (c *control) declared(ctx context.Context, err error) error {
	if errors.Is(err, eventnode.ErrStreamNotFound) {
		err = errors.Join(err, c.declare(ctx))
	}
	return err
}

func (c *control) declare(ctx context.Context) error {
	return declare(ctx, c.streams, c.stream, planCount)
}

// edit changes the plan by a change that may be made more than once. The change says whether
// there is anything to change. It returns the plan that has it.
func (c *control) edit(ctx context.Context, change func(*plan) (bool, error)) (plan, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return plan{}, context.Cause(ctx)
	}
	for failures := 0; ; failures++ {
		p, err := c.try(ctx, change)
		switch {
		case err == nil:
			c.bell.ring()
			return p, nil
		case ctx.Err() != nil:
			return p, fmt.Errorf("change the plan: %w: %w", err, context.Cause(ctx))
		case errors.Is(err, eventnode.ErrWrongLast):
		case errors.Is(err, eventnode.ErrUnavailable), errors.Is(err, eventnode.ErrOutcomeUnknown):
		default:
			return p, err
		}
		if !backoff.Wait(ctx, backoff.Backoff{Min: 10 * time.Millisecond, Max: time.Second}.Next(failures, rand.Float64())) {
			return p, fmt.Errorf("change the plan: %w: %w", err, context.Cause(ctx))
		}
	}
}

// try changes the plan as it is now, if nobody else does meanwhile.
func (c *control) try(ctx context.Context, change func(*plan) (bool, error)) (plan, error) {
	if err := c.fresh(ctx); err != nil {
		return plan{}, err
	}
	c.mu.Lock()
	p, at := c.plan.clone(), c.at
	c.mu.Unlock()
	changed, err := change(&p)
	if err != nil || !changed {
		return p, err
	}
	data, err := p.encode()
	if err != nil {
		return p, fmt.Errorf("encode the plan: %w", err)
	}
	at, err = c.streams.Publish(ctx, c.stream, event.New(planName, data, event.WithDataType(jsonType)), eventnode.WithExpectLast(at))
	if err == nil {
		c.learn(at, p, true)
	}
	return p, err
}

// declare sees to it that a stream is there that keeps so many events. One with other
// bounds is fine.
func declare(ctx context.Context, s Streams, stream string, count uint64) error {
	_, err := s.Declare(ctx, stream, eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxCount: count})
	if errors.Is(err, eventnode.ErrStreamDiffers) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("declare stream %s: %w", stream, err)
	}
	return nil
}
