// Package tracing makes OpenTelemetry traces of events: from who publishes one, over any
// nodes, to the handlers that are given it.
//
// The trace travels with the event: in Meta, under the names of the W3C ("traceparent",
// "tracestate"), which are also those of CloudEvents' distributed tracing extension. So it
// passes through topics, streams, dead letters and the outbox, and through programs that
// know nothing of it.
//
//	publisher                       node ─► node ─► node              handler
//	span "dispatch topic" ── Meta: traceparent ──────────────► span "handle topic"
//	                                                           linked to it, and its child
//
// A program says which provider is to have the spans, and the rest goes by itself:
//
//	c, err := client.Dial(ctx, addrs, client.WithTracerProvider(provider))
//
// or node.Config.TracerProvider. Then spans are made by Dispatch and DispatchMany, of
// publishers too, by Publish, PublishMany and PublishBody of streams, around the handlers of
// eventnode.Handle and of a consumer's Consume and ConsumeMany, and of calls with one answer.
// Whoever receives by hand (Receive, All, Events, a bus) calls [Tracer.Begin].
//
// This package needs the API of OpenTelemetry only: exporters are the program's affair. The
// command has one, which OTEL_EXPORTER_OTLP_ENDPOINT turns on.
//
// # Guarantees
//
//   - Off, which is the default, nothing is different: no span, no entry in Meta, no
//     allocation.
//   - Only who publishes begins a trace, if the sampler says so. All others continue one: an
//     event that carries none, or one that is not sampled, costs them a look into its Meta.
//     Where the context says that its trace is not sampled, nobody is asked again.
//   - An event that carries a trace already keeps it; the span of who publishes it (an
//     outbox's relay, say) is linked to that one.
//   - Meta is copied before something is added to it.
//
// Nodes do not look into events that pass through: so a node has spans only of calls with
// one answer, and of events that are posted to it over HTTP. An event that is longer by its
// trace (some 70 bytes) must still be within the node's limit. A Flusher's events have no
// context when they are buffered: they carry what their Meta says.
//
// # Concurrency
//
// A Tracer, and what it returns, may be used by several goroutines as what is inside may be.
//
// # Failure
//
// A trace in Meta that is malformed is none. What an operation or a handler fails with is in
// its span, and is returned unchanged.
package tracing
