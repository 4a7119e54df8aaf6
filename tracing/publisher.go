package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Publisher makes spans of what p dispatches. The span ends when Dispatch returns: when the
// event was taken over, or the receipt is there.
func (t *Tracer) Publisher(p eventnode.Publisher) eventnode.Publisher {
	if t == nil {
		return p
	}
	return publisher{p, t}
}

// PublisherCloser is Publisher for one that has an end.
func (t *Tracer) PublisherCloser(p eventnode.PublisherCloser) eventnode.PublisherCloser {
	if t == nil {
		return p
	}
	return publisherCloser{publisher{p, t}, p}
}

// publisher dispatches with spans.
type publisher struct {
	eventnode.Publisher
	t *Tracer
}

// publisherCloser is a publisher with an end.
type publisherCloser struct {
	publisher
	closer eventnode.PublisherCloser
}

var _ eventnode.PublisherCloser = publisherCloser{}

// Close implements eventnode.PublisherCloser.
func (p publisherCloser) Close(ctx context.Context) error { return p.closer.Close(ctx) }

// Dispatch implements eventnode.Publisher.
func (p publisher) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	ctx, span, ev := p.t.send(ctx, dispatching, kindOf(topic), ev)
	if span != nil {
		span.SetAttributes(keyDestination.String(topic))
	}
	r, err := p.Publisher.Dispatch(ctx, topic, ev, opts...)
	end(span, err)
	return r, err
}

// DispatchMany implements eventnode.Publisher.
func (p publisher) DispatchMany(ctx context.Context, topics []string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	ctx, span, ev := p.t.send(ctx, dispatching, kindOf(first(topics)), ev)
	if span != nil {
		span.SetAttributes(topicAttributes(topics)...)
	}
	r, err := p.Publisher.DispatchMany(ctx, topics, ev, opts...)
	end(span, err)
	return r, err
}

// send begins the span of one event that is sent, and has the event carry it.
func (t *Tracer) send(ctx context.Context, o *operation, destination string, ev event.Event) (context.Context, trace.Span, event.Event) {
	carried := Carried(ev.Meta)
	ctx, span := t.start(within(ctx, carried), o, destination)
	if span == nil {
		return ctx, nil, ev
	}
	if carried.IsValid() {
		span.AddLink(trace.Link{SpanContext: carried})
	}
	span.SetAttributes(keyID.String(ev.ID.String()), keyEvent.String(ev.Name), keySize.Int(len(ev.Data)))
	ev.Meta = carry(ctx, ev.Meta)
	return ctx, span, ev
}
