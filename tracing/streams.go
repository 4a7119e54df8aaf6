package tracing

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Streams makes spans of what s publishes. The span ends when the events are durable, or
// refused.
func (t *Tracer) Streams(s eventnode.Streams) eventnode.Streams {
	if t == nil {
		return s
	}
	return streams{s, t}
}

// streams publishes with spans.
type streams struct {
	eventnode.Streams
	t *Tracer
}

// Publish implements eventnode.Streams.
func (s streams) Publish(ctx context.Context, stream string, ev event.Event, opts ...eventnode.PublishOption) (eventnode.Position, error) {
	ctx, span, ev := s.t.send(ctx, publishing, stream, ev)
	if span != nil {
		span.SetAttributes(keyDestination.String(stream))
	}
	p, err := s.Streams.Publish(ctx, stream, ev, opts...)
	end(span, err)
	return p, err
}

// PublishMany implements eventnode.Streams. All events carry the one span, but those that
// carry another, which it is linked to.
func (s streams) PublishMany(ctx context.Context, stream string, evs []event.Event, opts ...eventnode.PublishOption) (eventnode.Published, error) {
	ctx, span := s.t.start(ctx, publishing, stream)
	if span != nil {
		span.SetAttributes(keyDestination.String(stream), keyCount.Int(len(evs)))
		evs = slices.Clone(evs)
		for i := range evs {
			if carried := Carried(evs[i].Meta); carried.IsValid() {
				span.AddLink(trace.Link{SpanContext: carried})
			}
			evs[i].Meta = carry(ctx, evs[i].Meta)
		}
	}
	p, err := s.Streams.PublishMany(ctx, stream, evs, opts...)
	end(span, err)
	return p, err
}

// PublishBody implements eventnode.Streams.
func (s streams) PublishBody(ctx context.Context, stream string, body any, meta ...string) (eventnode.Position, error) {
	carried := Carried(pairs(meta))
	ctx, span := s.t.start(within(ctx, carried), publishing, stream)
	if span != nil {
		span.SetAttributes(keyDestination.String(stream), keyEvent.String(stream))
	}
	switch {
	case span == nil:
	case carried.IsValid():
		span.AddLink(trace.Link{SpanContext: carried})
	default:
		meta = slices.Clone(meta)
		for key, value := range carry(ctx, nil) {
			meta = append(meta, key, value)
		}
	}
	p, err := s.Streams.PublishBody(ctx, stream, body, meta...)
	end(span, err)
	return p, err
}

// pairs are keys and values in turn as a map; what is odd is for Publish to refuse.
func pairs(meta []string) map[string]string {
	if len(meta) < 2 {
		return nil
	}
	m := make(map[string]string, len(meta)/2)
	for pair := range slices.Chunk(meta, 2) {
		if len(pair) == 2 {
			m[pair[0]] = pair[1]
		}
	}
	return m
}
