// Package ingest takes CloudEvents over HTTP, and dispatches them to a topic or
// publishes them to a stream:
//
//	POST /v1/topics/{topic}/events
//	POST /v1/streams/{stream}/events
//	POST /v1/namespaces/{namespace}/streams/{stream}/events
//
// docs/protocol.md says what a sender may count on.
//
// # Guarantees
//
//   - 201 and 200 are answered when the events are in the stream, and 202 when they were
//     dispatched. The events of one request stand next to each other in a stream, or
//     none of them is there.
//   - A request is checked whole before any of its events goes anywhere, but for what
//     only a stream's leader knows.
//   - What is under way at one time is bounded in bytes (Config.MaxHeldBytes); who comes
//     when that is used up is refused at once, and told to come again.
//
// # Concurrency
//
// A Handler is safe for concurrent use. It starts no goroutines.
//
// # Failure
//
// Every answer but a good one has a JSON body {"error": {"reason", "message",
// "details"}} with the reasons of internal/apierr, and is counted by its reason.
//
// # Example
//
//	h, err := ingest.New(ingest.Config{Dispatch: dispatch, Publish: publish})
//	...
//	mux.Handle("/v1/", h)
package ingest
