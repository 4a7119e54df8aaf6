package tracing_test

import (
	"context"
	"errors"
	"maps"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/tracing"
)

// Off, nothing is put around anything: what one gives is what one gets, so that nothing
// can cost anything.
func TestOff(t *testing.T) {
	for _, tr := range []*tracing.Tracer{tracing.New(nil), tracing.New(noop.NewTracerProvider())} {
		s, l := &sink{}, &list{}
		if tr != nil || tr.Publisher(s) != s || tr.PublisherCloser(s) != s || tr.Streams(s) != s || tr.Consumers(s) != s || tr.Subscription(l) != l {
			t.Error("something is around what was given")
		}
		ctx, end := tr.Begin(t.Context(), event.New("n", nil), "topic:a")
		if end(nil); ctx != t.Context() {
			t.Error("a context was changed")
		}
	}
}

// Who uses the library carries the API of OpenTelemetry along, and neither its SDK nor an
// exporter.
func TestOnlyTheAPI(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "../client", "..", "../node", ".").Output()
	if err != nil || !strings.Contains(string(out), "go.opentelemetry.io/otel/trace\n") {
		t.Fatal(err)
	}
	for pkg := range strings.Lines(string(out)) {
		if strings.HasPrefix(pkg, "go.opentelemetry.io/otel/sdk") || strings.HasPrefix(pkg, "go.opentelemetry.io/otel/exporters") {
			t.Error(pkg)
		}
	}
}

// Each way to send an event has a span, which the event carries, with the attributes of the
// conventions; the Meta that was given stays as it was.
func TestSending(t *testing.T) {
	s := newSpans()
	tr := tracing.New(s.provider)
	for name, send := range map[string]func(context.Context, *sink, event.Event) error{
		"dispatch topic": func(ctx context.Context, to *sink, ev event.Event) error {
			_, err := tr.PublisherCloser(to).Dispatch(ctx, "topic:orders.eu", ev)
			return err
		},
		"dispatch guild": func(ctx context.Context, to *sink, ev event.Event) error {
			_, err := tr.Publisher(to).DispatchMany(ctx, []string{"guild:1", "topic:b"}, ev)
			return err
		},
		"publish one": func(ctx context.Context, to *sink, ev event.Event) error {
			_, err := tr.Streams(to).Publish(ctx, "one", ev)
			return err
		},
		"publish many": func(ctx context.Context, to *sink, ev event.Event) error {
			_, err := tr.Streams(to).PublishMany(ctx, "many", []event.Event{ev, ev})
			return err
		},
	} {
		s.Reset()
		meta := map[string]string{"a": "b"}
		ev := event.New("order_placed", []byte("123"), event.WithMeta(meta))
		to := &sink{err: eventnode.ErrUnavailable}
		ctx, root := s.root(t)
		if err := send(ctx, to, ev); !errors.Is(err, eventnode.ErrUnavailable) {
			t.Error(name, err)
		}
		span := s.GetSpans()[0]
		if span.Name != name || span.SpanKind != trace.SpanKindProducer || span.Parent.SpanID() != root.SpanContext().SpanID() || span.Status.Code != codes.Error {
			t.Errorf("%s: %+v", name, span)
		}
		if value(span, "messaging.system") != "eventnode" || value(span, "messaging.operation.type") != "send" ||
			value(span, "messaging.destination.name") == "" || value(span, "error.type") != "UNAVAILABLE" {
			t.Errorf("%s: %v", name, span.Attributes)
		}
		if many := value(span, "messaging.batch.message_count") == "2"; !many && value(span, "messaging.message.id") != ev.ID.String() {
			t.Errorf("%s: %v", name, span.Attributes)
		}
		for _, got := range to.got {
			if at := tracing.Carried(got.Meta); at.SpanID() != span.SpanContext.SpanID() || got.Meta["a"] != "b" {
				t.Errorf("%s: the event has %v", name, got.Meta)
			}
		}
		if !maps.Equal(meta, map[string]string{"a": "b"}) || len(to.got) == 0 {
			t.Errorf("%s: Meta that was given has become %v, %d events", name, meta, len(to.got))
		}
	}
}

// What is made of a body carries its span, too, unless its meta says another one.
func TestPublishBody(t *testing.T) {
	s := newSpans()
	tr := tracing.New(s.provider)
	to := &sink{}
	ctx, _ := s.root(t)
	if _, err := tr.Streams(to).PublishBody(ctx, "orders", 1, "a", "b"); err != nil {
		t.Fatal(err)
	}
	first := s.GetSpans()[0]
	if len(to.meta) != 4 || to.meta[2] != tracing.MetaTrace || !strings.Contains(to.meta[3], first.SpanContext.SpanID().String()) {
		t.Fatal(to.meta)
	}
	given := slices.Clone(to.meta)
	if _, err := tr.Streams(to).PublishBody(t.Context(), "orders", 1, given...); err != nil || !slices.Equal(to.meta, given) {
		t.Fatal(to.meta, err)
	}
	if second := s.GetSpans()[1]; len(second.Links) != 1 || second.Parent.SpanID() != first.SpanContext.SpanID() {
		t.Errorf("%+v", second)
	}
	if _, err := tr.Streams(to).PublishBody(t.Context(), "orders", 1, "odd"); err != nil || to.meta[0] != "odd" {
		t.Error("what is odd is for the stream to refuse:", to.meta, err)
	}
}

// An event that carries a trace keeps it, whoever publishes it, and that is linked to it.
func TestCarriedIsKept(t *testing.T) {
	s := newSpans()
	tr := tracing.New(s.provider)
	ctx, _ := s.root(t)
	first := &sink{}
	if _, err := tr.Streams(first).Publish(ctx, "outbox", event.New("n", nil)); err != nil {
		t.Fatal(err)
	}
	made := s.GetSpans()[0].SpanContext
	for _, ctx := range []context.Context{t.Context(), ctx} {
		s.Reset()
		relay := &sink{}
		if _, err := tr.Streams(relay).Publish(ctx, "orders", first.got[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Streams(relay).PublishMany(ctx, "orders", first.got); err != nil {
			t.Fatal(err)
		}
		for _, got := range relay.got {
			if !reflect.DeepEqual(got, first.got[0]) {
				t.Errorf("%+v", got)
			}
		}
		for _, span := range s.GetSpans() {
			if len(span.Links) != 1 || span.Links[0].SpanContext.SpanID() != made.SpanID() {
				t.Errorf("%s: links %v", span.Name, span.Links)
			}
		}
	}
}

// Only who publishes asks the sampler. What it does not want has nothing in Meta and no span
// anywhere; a context, or an event, whose trace is not sampled is not asked about again.
func TestNotSampled(t *testing.T) {
	s := newSpans(sdktrace.WithSampler(sdktrace.NeverSample()))
	never := tracing.New(s.provider)
	to := &sink{}
	if _, err := never.Publisher(to).Dispatch(t.Context(), "topic:a", event.New("n", nil)); err != nil || to.got[0].Meta != nil {
		t.Error(to.got[0].Meta, err)
	}
	all := newSpans(sdktrace.WithSampler(sdktrace.AlwaysSample()))
	always := tracing.New(all.provider)
	handled(t, always, func(ctx context.Context, d eventnode.Delivery) error {
		if trace.SpanContextFromContext(ctx).IsValid() {
			t.Error("there is a span")
		}
		return nil
	}, to.got...)

	const no = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	carrying := event.New("n", nil, event.WithMeta(map[string]string{tracing.MetaTrace: no}))
	nested := func(ctx context.Context) error {
		at := trace.SpanContextFromContext(ctx)
		if !at.IsValid() || at.IsSampled() {
			t.Error("the handler does not know that its trace is not sampled")
		}
		_, err := always.Publisher(to).Dispatch(ctx, "topic:b", event.New("n", nil))
		return err
	}
	handled(t, always, func(ctx context.Context, _ eventnode.Delivery) error { return nested(ctx) }, carrying)
	_, err := always.Consumers(&sink{batch: deliveries(carrying)}).Consumer("g").Consume(t.Context(), 1,
		func(ctx context.Context, _ []*eventnode.StreamDelivery) error { return nested(ctx) })
	if err != nil || len(all.GetSpans())+len(s.GetSpans()) != 0 {
		t.Error(err, all.list(), s.list())
	}
	if len(to.got) != 3 || to.got[1].Meta != nil {
		t.Errorf("%+v", to.got)
	}
}

// A handler's span is the child of the publisher's and linked to it, also if there are
// several; what the handler dispatches is below it. A gap has none.
func TestHandling(t *testing.T) {
	s := newSpans()
	tr := tracing.New(s.provider)
	ctx, root := s.root(t)
	to := &sink{}
	if _, err := tr.Publisher(to).Dispatch(ctx, "topic:orders.eu", event.New("n", nil)); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("it did")
	handled(t, tr, func(ctx context.Context, _ eventnode.Delivery) error {
		_, err := tr.Streams(to).Publish(ctx, "next", event.New("n", nil))
		return errors.Join(err, failed)
	}, to.got[0])
	handled(t, tr, func(context.Context, eventnode.Delivery) error { panic("at the disco") }, to.got[0])
	got := s.await(t, root.SpanContext().TraceID(), "dispatch topic", "publish next")
	if parentOf(s)["handle topic"] != got[0].SpanContext.SpanID() || len(namesOf(s)) != 4 {
		t.Fatal(s.list())
	}
	for _, span := range s.GetSpans() {
		if span.Name == "handle topic" {
			linked(t, got[0], span)
			if span.Status.Code != codes.Error {
				t.Errorf("%+v", span.Status)
			}
		}
	}
	s.Reset()
	gap := &list{left: []eventnode.Delivery{{Gap: &eventnode.Gap{}}}}
	if err := eventnode.Handle(t.Context(), tr.Subscription(gap), func(context.Context, eventnode.Delivery) error { return nil }); err != nil || len(s.GetSpans()) != 0 {
		t.Error(err, s.list())
	}
	_, end := tr.Begin(t.Context(), to.got[0], "topic:orders.eu")
	if end(failed); s.GetSpans()[0].Status.Description != "it did" {
		t.Error(s.GetSpans())
	}
}

// A batch has one span, linked to each event that is traced: in the trace of all of them, or
// in one of its own if they are of several.
func TestConsuming(t *testing.T) {
	s := newSpans()
	tr := tracing.New(s.provider)
	to := &sink{}
	for range 2 {
		ctx, _ := s.root(t)
		if _, err := tr.Streams(to).PublishMany(ctx, "orders", []event.Event{event.New("n", nil), event.New("n", nil)}); err != nil {
			t.Fatal(err)
		}
	}
	traceOf := func(i int) trace.TraceID { return tracing.Carried(to.got[i].Meta).TraceID() }
	plain := event.New("n", nil)
	for _, tt := range []struct {
		events []event.Event
		links  int
		of     trace.TraceID
	}{
		{to.got[:1], 1, traceOf(0)},
		{[]event.Event{plain, to.got[2], to.got[3]}, 2, traceOf(2)},
		{to.got, 4, trace.TraceID{}},
		{[]event.Event{plain, plain}, 0, trace.TraceID{}},
	} {
		s.Reset()
		k := tr.Consumers(&sink{batch: deliveries(tt.events...)}).Consumer("billing")
		if _, err := k.Consume(t.Context(), 9, func(context.Context, []*eventnode.StreamDelivery) error { return nil }); err != nil {
			t.Fatal(err)
		}
		got := s.GetSpans()
		if tt.links == 0 {
			if len(got) != 0 {
				t.Error(s.list())
			}
			continue
		}
		span := got[0]
		if len(span.Links) != tt.links || value(span, "messaging.consumer.group.name") != "billing" || span.Name != "consume orders" {
			t.Errorf("%+v", span)
		}
		if at := span.SpanContext.TraceID(); tt.of.IsValid() && at != tt.of || !tt.of.IsValid() && (at == traceOf(0) || at == traceOf(2)) {
			t.Errorf("%d links: it is of trace %s", tt.links, at)
		}
	}
}

// What Meta says of a trace is read as the W3C has it, or is none.
func FuzzCarried(f *testing.F) {
	form := regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}`)
	for _, seed := range []string{"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what"} {
		f.Add(seed, "a=b")
	}
	f.Fuzz(func(t *testing.T, parent, state string) {
		got := tracing.Carried(map[string]string{tracing.MetaTrace: parent, "tracestate": state})
		if !got.IsValid() {
			if len(parent) == 55 && strings.HasPrefix(parent, "00-") && form.MatchString(parent) && !strings.Contains(parent, "-0000000000000000-") &&
				!strings.Contains(parent, "-00000000000000000000000000000000-") && parent[53:] <= "01" {
				t.Errorf("%q is none", parent)
			}
			return
		}
		if !form.MatchString(parent) || got.TraceID().String() != parent[3:35] || got.SpanID().String() != parent[36:52] || got.IsSampled() != (parent[54]&1 == 1) {
			t.Errorf("%q is %v", parent, got)
		}
	})
}
