package tracing

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/eventnode/eventnode/internal/apierr"
)

// scope names whose spans these are.
const scope = "github.com/eventnode/eventnode"

// Tracer makes the spans. A nil one makes none.
type Tracer struct{ tracer trace.Tracer }

// New makes a Tracer whose spans the provider gets. Without a provider, or with one that
// never has a span, it is nil.
func New(provider trace.TracerProvider) *Tracer {
	if provider == nil {
		return nil
	}
	if _, off := provider.(noop.TracerProvider); off {
		return nil
	}
	return &Tracer{provider.Tracer(scope)}
}

// The attributes, as OpenTelemetry's conventions for messaging name them.
const (
	keySystem        = attribute.Key("messaging.system")
	keyOperation     = attribute.Key("messaging.operation.name")
	keyOperationType = attribute.Key("messaging.operation.type")
	keyDestination   = attribute.Key("messaging.destination.name")
	keyID            = attribute.Key("messaging.message.id")
	keySize          = attribute.Key("messaging.message.body.size")
	keyCount         = attribute.Key("messaging.batch.message_count")
	keyGroup         = attribute.Key("messaging.consumer.group.name")
	keyErrorType     = attribute.Key("error.type")

	// keyTopics are all topics of an event that was dispatched to several, and keyEvent is
	// the name of an event.
	keyTopics = attribute.Key("eventnode.topics")
	keyEvent  = attribute.Key("eventnode.event.name")
)

// maxTopics bounds the topics that a span lists.
const maxTopics = 16

// operation is something that has spans.
type operation struct {
	name    string
	options []trace.SpanStartOption
	always  []attribute.KeyValue
}

func newOperation(name, kind string, of trace.SpanKind) *operation {
	return &operation{
		name:    name,
		options: []trace.SpanStartOption{trace.WithSpanKind(of)},
		always:  []attribute.KeyValue{keySystem.String("eventnode"), keyOperation.String(name), keyOperationType.String(kind)},
	}
}

var (
	dispatching = newOperation("dispatch", "send", trace.SpanKindProducer)
	publishing  = newOperation("publish", "send", trace.SpanKindProducer)
	handling    = newOperation("handle", "process", trace.SpanKindConsumer)
	consuming   = newOperation("consume", "process", trace.SpanKindConsumer)
)

// kindOf is what a span's name says of a topic. Keys are many, and names of spans are to be
// few.
func kindOf(topic string) string {
	kind, _, _ := strings.Cut(topic, ":")
	return kind
}

// first is the first topic, if there is one.
func first(topics []string) string {
	if len(topics) == 0 {
		return ""
	}
	return topics[0]
}

// topicAttributes say where an event was dispatched.
func topicAttributes(topics []string) []attribute.KeyValue {
	switch len(topics) {
	case 0:
		return nil
	case 1:
		return []attribute.KeyValue{keyDestination.String(topics[0])}
	}
	return []attribute.KeyValue{keyDestination.String(topics[0]), keyTopics.StringSlice(topics[:min(len(topics), maxTopics)])}
}

// start begins a span, unless the context says that its trace is not sampled. Without a
// span it returns nil.
func (t *Tracer) start(ctx context.Context, o *operation, destination string, links ...trace.Link) (context.Context, trace.Span) {
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() && !parent.IsSampled() {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, o.name+" "+destination, o.options...)
	if !span.IsRecording() {
		return ctx, nil
	}
	span.SetAttributes(o.always...)
	for _, l := range links {
		span.AddLink(l)
	}
	return ctx, span
}

// errPanicked is what became of a handler that panicked.
var errPanicked = errors.New("the handler panicked")

// end ends a span, if there is one, with what the operation failed with.
func end(span trace.Span, err error) {
	if span == nil {
		return
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(keyErrorType.String(apierr.Reason(err)))
	}
	span.End()
}
