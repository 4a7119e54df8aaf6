// Package cloudevents is a source of CloudEvents 1.0 that come over HTTP, in binary,
// structured or batched mode: an http.Handler whose answer is the credit.
//
// # Guarantees
//
//   - An answer of 202 means that the events were handled: through all steps of the
//     pipeline. A sender that gets another one, or none, sends them again; an event that
//     comes twice has the same id, which its data says.
//   - Requests are handled one after the other, and the events of one in their order, or
//     none of them where one is malformed.
//   - What waits is bounded, in requests (Config.MaxWaiting) and in bytes
//     (Config.MaxHeldBytes). Who comes when that is used up, or while the source does not
//     run, is refused with 503 and Retry-After.
//   - The data of a payload is the event whole, as CloudEvents has it in JSON: [Event]
//     reads it, and event.ParseCloudEvent too. The payload's name is its type.
//
// # Concurrency
//
// A Source is safe for concurrent use and starts no goroutine: requests wait in their own,
// and what they bring is delivered in that of Run.
//
// # Failure
//
// What is no event, or too large, is answered with 4xx and a JSON body that says why. Who
// has waited for Config.AnswerTimeout gets 503 if its events have not begun to be handled,
// and 504 if they have: whether they were is not known then. A batch that is cut short by
// the end of the source is 503, and those before the cut were handled.
//
// # Example
//
//	s, err := cloudevents.New(cloudevents.Config{Name: "shop"})
//	mux.Handle("POST /events", s)
//	p, err := source.New(source.Config{Source: s, Dispatcher: live})
//	err = p.Run(ctx)
package cloudevents
