package tracing_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/tracing"
)

func TestMain(m *testing.M) {
	if code := m.Run(); code != 0 {
		os.Exit(code)
	}
	if err := goleak.Find(); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}

// spans keeps all spans that have ended, of whoever has the provider.
type spans struct {
	*tracetest.InMemoryExporter
	provider *sdktrace.TracerProvider
}

func newSpans(opts ...sdktrace.TracerProviderOption) *spans {
	e := tracetest.NewInMemoryExporter()
	return &spans{e, sdktrace.NewTracerProvider(append(opts, sdktrace.WithSyncer(e))...)}
}

// root begins a trace as an application does.
func (s *spans) root(t testing.TB) (context.Context, trace.Span) {
	return s.provider.Tracer("test").Start(t.Context(), "request")
}

// await waits for the spans of these names, the first of each, that are of one trace.
func (s *spans) await(t *testing.T, of trace.TraceID, names ...string) []tracetest.SpanStub {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		found := make([]tracetest.SpanStub, 0, len(names))
		for _, name := range names {
			for _, span := range s.GetSpans() {
				if span.Name == name && span.SpanContext.TraceID() == of {
					found = append(found, span)
					break
				}
			}
		}
		if len(found) == len(names) {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d spans of trace %s, want %q; there are:\n%s", len(found), of, names, s.list())
		}
		<-time.After(time.Millisecond)
	}
}

func (s *spans) list() (all string) {
	for _, span := range s.GetSpans() {
		all += span.SpanContext.TraceID().String() + " " + span.Name + "\n"
	}
	return all
}

// linked fails unless a consumer's span is the child of a producer's and linked to it.
func linked(t *testing.T, producer, consumer tracetest.SpanStub) {
	t.Helper()
	if producer.SpanKind != trace.SpanKindProducer || consumer.SpanKind != trace.SpanKindConsumer {
		t.Errorf("%s is a %v, %s is a %v", producer.Name, producer.SpanKind, consumer.Name, consumer.SpanKind)
	}
	if consumer.Parent.SpanID() != producer.SpanContext.SpanID() || !consumer.Parent.IsRemote() {
		t.Errorf("%s is not the child of %s", consumer.Name, producer.Name)
	}
	if len(consumer.Links) != 1 || consumer.Links[0].SpanContext.SpanID() != producer.SpanContext.SpanID() {
		t.Errorf("%s has links %v, not one to %s", consumer.Name, consumer.Links, producer.Name)
	}
}

// value is an attribute as text; "" if there is none.
func value(span tracetest.SpanStub, key attribute.Key) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

// sink is everything that events can be given to. It keeps them.
type sink struct {
	eventnode.Streams
	eventnode.Consumers
	mu  sync.Mutex
	got []event.Event
	ctx context.Context //nolint:containedctx // of the last call
	err error
	// batch is what a consumer's handler is called with.
	batch []*eventnode.StreamDelivery
	meta  []string
}

var _ eventnode.PublisherCloser = (*sink)(nil)

func (s *sink) Dispatch(ctx context.Context, _ string, ev event.Event, _ ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	return eventnode.Receipt{Reached: 1}, s.take(ctx, ev)
}

func (s *sink) DispatchMany(ctx context.Context, _ []string, ev event.Event, _ ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	return eventnode.Receipt{Reached: 2}, s.take(ctx, ev)
}

func (s *sink) Flush(context.Context) error { return nil }
func (s *sink) Close(context.Context) error { return nil }

func (s *sink) Publish(ctx context.Context, _ string, ev event.Event, _ ...eventnode.PublishOption) (eventnode.Position, error) {
	return eventnode.Position{MS: 1}, s.take(ctx, ev)
}

func (s *sink) PublishMany(ctx context.Context, _ string, evs []event.Event, _ ...eventnode.PublishOption) (eventnode.Published, error) {
	return eventnode.Published{Appended: len(evs)}, s.take(ctx, evs...)
}

func (s *sink) PublishBody(ctx context.Context, _ string, _ any, meta ...string) (eventnode.Position, error) {
	s.meta = meta
	return eventnode.Position{MS: 2}, s.take(ctx)
}

func (s *sink) take(ctx context.Context, evs ...event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.ctx = append(s.got, evs...), ctx
	return s.err
}

func (s *sink) Consumer(string, ...eventnode.ConsumerOption) eventnode.Consumer {
	return oneBatch{s: s}
}

// oneBatch is a consumer that has one batch.
type oneBatch struct {
	eventnode.Consumer
	s *sink
}

func (o oneBatch) Consume(ctx context.Context, _ int, h eventnode.StreamHandler) (bool, error) {
	return true, h(ctx, o.s.batch)
}

// deliveries are events in the hands of a consumer.
func deliveries(events ...event.Event) (all []*eventnode.StreamDelivery) {
	for _, ev := range events {
		d := eventnode.NewStreamDelivery(eventnode.StreamEvent{Stream: "orders", Event: ev}, 1, 1, nil)
		all = append(all, &d)
	}
	return all
}

// list is a subscription with some deliveries.
type list struct {
	eventnode.Subscription
	left []eventnode.Delivery
}

func (l *list) Receive(context.Context) (eventnode.Delivery, error) {
	if len(l.left) == 0 {
		return eventnode.Delivery{}, eventnode.ErrClosed
	}
	d := l.left[0]
	l.left = l.left[1:]
	return d, nil
}

// handled has events handled, one after the other, by a subscription that is traced.
func handled(t *testing.T, tr *tracing.Tracer, h eventnode.Handler, events ...event.Event) {
	t.Helper()
	l := &list{}
	for _, ev := range events {
		l.left = append(l.left, eventnode.Delivery{Topics: []string{"topic:orders.eu"}, Event: ev})
	}
	if err := eventnode.Handle(t.Context(), tr.Subscription(l), h); err != nil {
		t.Error(err)
	}
}

// parentOf are the names of spans by the span that they are children of.
func parentOf(s *spans) map[string]trace.SpanID {
	parents := map[string]trace.SpanID{}
	for _, span := range s.GetSpans() {
		parents[span.Name] = span.Parent.SpanID()
	}
	return parents
}

// namesOf are the names of all spans, sorted.
func namesOf(s *spans) (names []string) {
	for _, span := range s.GetSpans() {
		names = append(names, span.Name)
	}
	slices.Sort(names)
	return names
}
