package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Subscription has eventnode.Handle make spans around the handlers of s.
func (t *Tracer) Subscription(s eventnode.Subscription) eventnode.Subscription {
	if t == nil {
		return s
	}
	return subscription{s, t}
}

// subscription is one whose handlers are traced.
type subscription struct {
	eventnode.Subscription
	t *Tracer
}

var _ eventnode.TracedSubscription = subscription{}

// TraceHandler implements eventnode.TracedSubscription.
func (s subscription) TraceHandler(h eventnode.Handler) eventnode.Handler {
	return func(ctx context.Context, d eventnode.Delivery) (err error) {
		if d.Gap != nil {
			return h(ctx, d)
		}
		ctx, span := s.t.handle(ctx, d.Topics, &d.Event)
		err = errPanicked // if h does
		defer func() { end(span, err) }()
		err = h(ctx, d)
		return err
	}
}

// handle begins the span of the handling of an event, if that carries a trace which is
// sampled.
func (t *Tracer) handle(ctx context.Context, topics []string, ev *event.Event) (context.Context, trace.Span) {
	carried := Carried(ev.Meta)
	if !carried.IsSampled() {
		return within(ctx, carried), nil
	}
	ctx, span := t.start(within(ctx, carried), handling, kindOf(first(topics)), trace.Link{SpanContext: carried})
	if span != nil {
		span.SetAttributes(keyID.String(ev.ID.String()), keyEvent.String(ev.Name), keySize.Int(len(ev.Data)))
		span.SetAttributes(topicAttributes(topics)...)
	}
	return ctx, span
}

// Begin begins the span of the handling of an event that was received by hand, if it carries
// a trace which is sampled. What the handler does is to have the context; the function is
// called when it has ended, with what it failed with. Topics are where the event was
// dispatched: Delivery.Topics; or its stream alone.
//
// It is what bus.Trace calls:
//
//	bus.Trace(func(ctx context.Context, e *bus.AckEvent) (context.Context, func(error)) {
//		return tracer.Begin(ctx, e.Event, e.Topics()...)
//	})
func (t *Tracer) Begin(ctx context.Context, ev event.Event, topics ...string) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	ctx, span := t.handle(ctx, topics, &ev)
	return ctx, func(err error) { end(span, err) }
}
