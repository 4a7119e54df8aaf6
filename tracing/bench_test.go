package tracing_test

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/tracing"
)

// nobody is a publisher that does nothing.
type nobody struct{}

func (nobody) Dispatch(context.Context, string, event.Event, ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	return eventnode.Receipt{}, nil
}

func (nobody) DispatchMany(context.Context, []string, event.Event, ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	return eventnode.Receipt{}, nil
}
func (nobody) Flush(context.Context) error { return nil }

// What tracing adds to a dispatch, and to the handling of an event.
func BenchmarkTracing(b *testing.B) {
	some := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0))))
	all := sdktrace.NewTracerProvider()
	sampled, span := all.Tracer("b").Start(b.Context(), "b")
	no := trace.ContextWithSpanContext(b.Context(), span.SpanContext().WithTraceFlags(0))
	ev := event.New("order_placed", []byte("x"))
	for _, bb := range []struct {
		name string
		tr   *tracing.Tracer
		ctx  context.Context
	}{
		{"off", nil, b.Context()},
		{"parent not sampled", tracing.New(all), no},
		{"sampler says no", tracing.New(some), b.Context()},
		{"sampled", tracing.New(all), sampled},
	} {
		b.Run("dispatch/"+bb.name, func(b *testing.B) {
			p := bb.tr.Publisher(nobody{})
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.Dispatch(bb.ctx, "topic:orders", ev)
			}
		})
	}
	for name, meta := range map[string]map[string]string{
		"not traced": {"a": "b"},
		"sampled":    {tracing.MetaTrace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	} {
		b.Run("handle/"+name, func(b *testing.B) {
			sub := tracing.New(all).Subscription(&list{}).(eventnode.TracedSubscription)
			h := sub.TraceHandler(func(context.Context, eventnode.Delivery) error { return nil })
			d := eventnode.Delivery{Topics: []string{"topic:orders"}, Event: event.New("n", nil, event.WithMeta(meta))}
			b.ReportAllocs()
			for b.Loop() {
				_ = h(b.Context(), d)
			}
		})
	}
}
