package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventnode/eventnode"
)

// Consumers makes spans around the handlers of Consume and ConsumeMany: one for each call,
// with a link to each event's publisher. If all events that are traced are of one trace it
// is part of that; of several, it begins one of its own.
func (t *Tracer) Consumers(c eventnode.Consumers) eventnode.Consumers {
	if t == nil {
		return c
	}
	return consumers{c, t}
}

// consumers has consumers whose handlers are traced.
type consumers struct {
	eventnode.Consumers
	t *Tracer
}

// Consumer implements eventnode.Consumers.
func (c consumers) Consumer(group string, opts ...eventnode.ConsumerOption) eventnode.Consumer {
	return consumer{c.Consumers.Consumer(group, opts...), c.t, group}
}

// consumer is one of them.
type consumer struct {
	eventnode.Consumer
	t     *Tracer
	group string
}

// Consume implements eventnode.Consumer.
func (c consumer) Consume(ctx context.Context, count int, h eventnode.StreamHandler) (bool, error) {
	return c.Consumer.Consume(ctx, count, c.traced(h))
}

// ConsumeMany implements eventnode.Consumer.
func (c consumer) ConsumeMany(ctx context.Context, nr, count int, h eventnode.StreamHandler) (bool, error) {
	return c.Consumer.ConsumeMany(ctx, nr, count, c.traced(h))
}

// traced puts spans around a handler.
func (c consumer) traced(h eventnode.StreamHandler) eventnode.StreamHandler {
	if h == nil {
		return nil // that is refused
	}
	return func(ctx context.Context, events []*eventnode.StreamDelivery) (err error) {
		ctx, span := c.t.consume(ctx, c.group, events)
		err = errPanicked // if h does
		defer func() { end(span, err) }()
		err = h(ctx, events)
		return err
	}
}

// consume begins the span of the handling of a batch, if one of the events carries a trace
// which is sampled.
func (t *Tracer) consume(ctx context.Context, group string, events []*eventnode.StreamDelivery) (context.Context, trace.Span) {
	links, one := linksTo(events)
	switch {
	case len(links) == 0 && len(events) == 1:
		return within(ctx, Carried(events[0].Meta())), nil
	case len(links) == 0:
		return ctx, nil
	case one:
		ctx = within(ctx, links[0].SpanContext)
	}
	ctx, span := t.start(ctx, consuming, events[0].Stream(), links...)
	if span != nil {
		span.SetAttributes(keyDestination.String(events[0].Stream()), keyGroup.String(group), keyCount.Int(len(events)))
	}
	return ctx, span
}

// linksTo are the spans that published these events, those that are sampled; one says that
// they are all of one trace.
func linksTo(events []*eventnode.StreamDelivery) (links []trace.Link, one bool) {
	one = true
	for _, d := range events {
		carried := Carried(d.Meta())
		if !carried.IsSampled() {
			continue
		}
		links = append(links, trace.Link{SpanContext: carried})
		one = one && carried.TraceID() == links[0].SpanContext.TraceID()
	}
	return links, one
}
