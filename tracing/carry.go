package tracing

import (
	"context"
	"maps"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// MetaTrace is the entry of Meta that says which trace an event is part of.
const MetaTrace = "traceparent"

// w3c is how a trace is written.
var w3c propagation.TraceContext

// Carried is the span that an event's Meta tells of; an invalid one if it tells of none.
func Carried(meta map[string]string) trace.SpanContext {
	if meta[MetaTrace] == "" {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(w3c.Extract(context.Background(), propagation.MapCarrier(meta)))
}

// carry returns a Meta with the context's span in it, unless there is one already.
func carry(ctx context.Context, meta map[string]string) map[string]string {
	if meta[MetaTrace] != "" {
		return meta
	}
	with := make(map[string]string, len(meta)+2)
	maps.Copy(with, meta)
	w3c.Inject(ctx, propagation.MapCarrier(with))
	return with
}

// within is ctx as part of the trace that an event carries, unless it is part of one
// already.
func within(ctx context.Context, carried trace.SpanContext) context.Context {
	if !carried.IsValid() || trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, carried)
}
