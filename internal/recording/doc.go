// Package recording appends what is dispatched to topics to a stream.
//
// Two goroutines do it: one receives, into a buffer that is bounded in events and
// bytes; one takes all that is there, or as much as a batch may have, and appends it.
// So batches grow with the load, and there is no timer. When the buffer is full nothing
// is received: events wait in the subscription's queue at the node, and when that is
// full, too, with the publishers.
//
// # Guarantees
//
//   - Events of one publisher are appended in the order in which they were dispatched,
//     as one recorder has it.
//   - An event is appended once, however often it is tried and however many recorders
//     there are, as long as the stream remembers its ID.
//   - What is missing in what was received is told, and counted.
//   - One event that cannot be in a stream harms no other: it is told, and counted.
//   - When the context ends, what was received is appended first.
//
// # Concurrency
//
// A Recorder is for one Run. Its callbacks are called from one goroutine.
//
// # Failure
//
// What may pass (no leader, a full stream or disk) is tried again, with a pause that
// grows up to two seconds, for as long as the context lasts. What cannot pass ends Run.
//
// # Example
//
//	r := recording.New(recording.Config{Subscriber: c, Appender: streams, Topics: topics, Stream: "log"})
//	err := r.Run(ctx)
package recording
