// Package hands is what one consumer has in hand: events that were delivered and wait,
// events that a handler works on, what was said of events and not answered yet, and the
// credit that goes with all of it. It puts batches together, and says what to send.
//
// # Guarantees
//
//   - A batch has no more events than asked for, shared equally between the streams, in
//     each stream in the order of delivery. It is put together when it is full, or when
//     all that can be sent now is here.
//   - Credit, what waits and what is worked on together are never more than the window:
//     two batches, or one without prefetch. The same goes for bytes, but for one piece.
//   - Of each event that was handed out one thing is said, the first one; extending is
//     not counted.
//   - When the connection is lost, what the handler works on stays with it: the node
//     delivers it again, it is recognized and not handed out twice. What was said and
//     not answered is said again when the event comes again; when it does not, it is
//     asked for what became of it.
//   - Nothing of a lease that is over is said under the next one.
//
// # Concurrency
//
// There are no goroutines and no clock: the caller says what happened, and when. Hands
// and its batches belong to whoever holds the caller's lock; Batch.Decode alone works
// without it.
//
// # Failure
//
// Only a message that does not follow the protocol is an error, wire.ErrMalformed: end
// the call.
//
// # Example
//
//	h := hands.New(hands.Config{Count: 100, MaxBytes: 4 << 20})
//	h.Open([]string{"orders"}, epoch)
//	_, err := h.Receive(message, now) // repeatedly
//	for req := h.Next(); req != nil; req = h.Next() { ... } // to be sent
//	if h.Ready() {
//		b := h.Take(now)
//		...
//		h.Finish(b, hands.Succeeded)
//	}
package hands
