package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// received counts a delivery.
func (c *Consumer) received(d *Delivery) *AckEvent {
	c.count.received.Add(1)
	return &AckEvent{Event: d.Event, d: d, c: c}
}

// read reads the event as its type.
func (c *Consumer) read(a *AckEvent) (err error) {
	a.Value, err = c.cfg.Registry.Decode(a.Event)
	return err
}

// handleOne has one delivery handled, and settles it whatever happens.
func (c *Consumer) handleOne(ctx context.Context, d *Delivery) {
	a := c.received(d)
	if ctx.Err() != nil || d.Settler.Withdrawn(d) {
		c.giveBack(ctx, a)
		return
	}
	a.handlers = c.handlers.of(a.Event.Name, c.cfg.Registry.Has(a.Event.Name))
	if len(a.handlers) == 0 {
		c.unhandled(ctx, a)
		return
	}
	if err := c.read(a); err != nil {
		c.malformed(ctx, a, err)
		return
	}
	err := caught(context.WithValue(ctx, receivedKey{}, a), a, c.handle)
	switch {
	case err == nil:
		c.count.handled.Add(1)
		c.settle(ctx, a, eventnode.Settlement{Verb: eventnode.VerbAck})
	case interrupted(ctx, err):
		c.giveBack(ctx, a)
	default:
		c.failed(ctx, a, err)
	}
}

// interrupted reports whether a handler has ended because its context has.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Cause(ctx)))
}

// failed tells that a handler has failed, and nacks the event.
func (c *Consumer) failed(ctx context.Context, a *AckEvent, err error) {
	if _, ok := errors.AsType[*eventnode.PanicError](err); ok {
		c.count.panicked.Add(1)
	} else {
		c.count.failed.Add(1)
	}
	c.tell(ctx, a, err)
	c.choose(ctx, a, Nack, err)
}

// malformed tells that an event cannot be read.
func (c *Consumer) malformed(ctx context.Context, a *AckEvent, err error) {
	c.count.malformed.Add(1)
	choice := c.cfg.Malformed
	switch {
	case choice != ByDefault:
	case errors.Is(err, event.ErrNewerVersion):
		choice = Nack
	default:
		choice = DeadLetter
	}
	c.tell(ctx, a, err)
	c.choose(ctx, a, choice, err)
}

// unhandled is for an event that no handler is for.
func (c *Consumer) unhandled(ctx context.Context, a *AckEvent) {
	c.count.unhandled.Add(1)
	err := fmt.Errorf("event %.80s: %w", a.Event.Name, ErrUnhandled)
	if c.cfg.Unhandled != Ack {
		c.tell(ctx, a, err)
	}
	c.choose(ctx, a, c.cfg.Unhandled, err)
}

// choose has a choice come true, unless something was said of the event.
func (c *Consumer) choose(ctx context.Context, a *AckEvent, choice Choice, why error) {
	s := eventnode.Settlement{Verb: eventnode.VerbAck}
	switch choice {
	case Nack:
		s.Verb = eventnode.VerbNack
	case DeadLetter:
		s.Verb, s.Reason = eventnode.VerbTerminate, cut(why.Error())
	case Ack, ByDefault:
	}
	c.settle(ctx, a, s)
}

func (c *Consumer) giveBack(ctx context.Context, a *AckEvent) {
	if a.Settled() {
		return
	}
	c.count.givenBack.Add(1)
	c.settle(ctx, a, eventnode.Settlement{Verb: eventnode.VerbNackSilent})
}

// settle says something of an event, unless that was done before. What the transport
// refuses, because the event is no longer this consumer's, comes again there.
func (c *Consumer) settle(ctx context.Context, a *AckEvent, s eventnode.Settlement) {
	if err := a.settle(s); err != nil && !errors.Is(err, eventnode.ErrNotPending) {
		c.cfg.Logger.WarnContext(ctx, "what became of an event could not be said", "event", a.Event.ID, "name", a.Event.Name, "error", err)
	}
}

// tell tells of an error, or logs it.
func (c *Consumer) tell(ctx context.Context, a *AckEvent, err error) {
	log := c.cfg.Logger.With("event", a.Event.ID, "name", a.Event.Name)
	if c.cfg.OnError == nil {
		if p, ok := errors.AsType[*eventnode.PanicError](err); ok {
			log = log.With("stack", string(p.Stack))
		}
		log.ErrorContext(ctx, "an event was not handled", "error", err)
		return
	}
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "the error handler panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	c.cfg.OnError(ctx, err, a)
}

// gap tells of events that are missing.
func (c *Consumer) gap(ctx context.Context, gap eventnode.Gap) {
	c.count.gaps.Add(1)
	if c.cfg.OnGap == nil {
		c.cfg.Logger.WarnContext(ctx, "events are missing", "node", gap.Node, "count", gap.Count, "known", gap.Known, "reason", gap.Reason)
		return
	}
	c.cfg.OnGap(ctx, gap)
}
