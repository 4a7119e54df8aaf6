package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode/internal/apierr"
)

// Calls with one answer have spans at both ends, where they are part of a trace that is
// sampled. What streams carry has none: it is not looked into.

// headers are the metadata of a call.
type headers metadata.MD

var _ propagation.TextMapCarrier = headers(nil)

// Get implements propagation.TextMapCarrier.
func (h headers) Get(key string) string { return strings.Join(metadata.MD(h).Get(key), ",") }

// Set implements propagation.TextMapCarrier.
func (h headers) Set(key, value string) { metadata.MD(h).Set(key, value) }

// Keys implements propagation.TextMapCarrier.
func (h headers) Keys() []string {
	keys := make([]string, 0, len(h))
	for k := range h {
		keys = append(keys, k)
	}
	return keys
}

// UnaryClient makes spans of calls, and tells the other end of them.
func (t *Tracer) UnaryClient() grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if !trace.SpanContextFromContext(ctx).IsSampled() {
			return invoke(ctx, method, req, reply, cc, opts...)
		}
		ctx, span := t.call(ctx, method, trace.SpanKindClient)
		md, _ := metadata.FromOutgoingContext(ctx)
		md = md.Copy()
		w3c.Inject(ctx, headers(md))
		err := invoke(metadata.NewOutgoingContext(ctx, md), method, req, reply, cc, opts...)
		called(span, err)
		return err
	}
}

// UnaryServer makes spans of calls that are part of a trace.
func (t *Tracer) UnaryServer() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		if len(md[MetaTrace]) == 0 {
			return handle(ctx, req)
		}
		ctx = w3c.Extract(ctx, headers(md))
		if !trace.SpanContextFromContext(ctx).IsSampled() {
			return handle(ctx, req)
		}
		ctx, span := t.call(ctx, info.FullMethod, trace.SpanKindServer)
		reply, err := handle(ctx, req)
		called(span, err)
		return reply, err
	}
}

// call begins the span of a call.
func (t *Tracer) call(ctx context.Context, method string, kind trace.SpanKind) (context.Context, trace.Span) {
	name := strings.TrimPrefix(method, "/")
	return t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(
		attribute.String("rpc.system.name", "grpc"), attribute.String("rpc.method", name)))
}

func called(span trace.Span, err error) {
	of := code.Code(status.Code(err)) //nolint:gosec // the same numbers
	span.SetAttributes(attribute.String("rpc.response.status_code", of.String()))
	end(span, apierr.FromStatus(err))
}

// HTTP makes spans of requests that are part of a trace, before next has them.
func (t *Tracer) HTTP(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		if !trace.SpanContextFromContext(ctx).IsSampled() {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		ctx, span := t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", r.Method), attribute.String("url.path", r.URL.Path)))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
