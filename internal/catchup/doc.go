// Package catchup makes one subscription of a live one and of the stream to which
// somebody records its topics: what the live one misses, and tells by a gap, is read
// from the stream and delivered in the gap's place.
//
// # The algorithm
//
// [Machine] is the algorithm. It has no goroutine, clock or connection; [Subscription]
// runs it. It is in one of two states.
//
// Live. What arrives is put into a queue, from which the owner receives. Arrivals are
// taken at once, however slow the owner is, so that the time of an arrival says
// something. Two things are remembered for the next gap:
//
//   - The IDs of what was delivered (or waits in the queue): at most Config.MaxIDs.
//   - Marks: the last position of the stream at a moment, one every Config.MarkEvery
//     and one for each eighth of MaxIDs. What is dispatched after a mark was taken is
//     recorded behind it: this needs no clock but one's own. A mark counts only if
//     the live subscription stood while it was taken.
//
// Catching up. It begins with a gap, or when the owner is so slow that the queue is
// full. What is missing was dispatched at most Config.Delay before the subscription
// was known to be well, so reading begins at the newest mark that was taken Delay
// before the newest of all. Of what the stream shows
//
//   - what is for other topics, and what is remembered, is passed over,
//   - all else is delivered, and remembered.
//
// What arrives live meanwhile is parked, unless it is remembered; when the stream
// shows it, it leaves the park. The park is bounded as the queue is: what does not fit
// is dropped, for the stream will show it, and the end of the gap moves to that moment.
//
// It is live again when
//
//   - Config.Settle has passed since the last gap, which is how long it may take until
//     all nodes know of an interest that is announced anew,
//   - the stream has shown all that a mark taken after that says, and
//   - it has shown everything that was parked until then.
//
// What is left in the park came later; it is delivered, and so is what arrives.
//
// # When the stream does not have it
//
// The gap is told after all, at its place:
//
//   - before the event that the stream shows next, if retention removed some between;
//   - if something parked is not in the stream Config.Wait after it arrived: nobody
//     records, or they are far behind;
//   - if the stream could not be read for as long as Wait, though the subscription
//     stands, or not at all;
//   - if more was delivered since the newest mark than is remembered: then the stream
//     is not read, for what it shows could not be told from what was delivered.
//
// In the second and third case what is parked comes after the gap, and it is live again.
//
// # Bounds of memory
//
// IDs are forgotten when they are Config.Lag older than the mark at which the next
// reading would begin, and the reading under way is past it: Lag is how much later an event may be recorded than it was
// delivered. If there are too many of them, the oldest are forgotten before that, and
// reading begins at the first mark in the newer half of what is still remembered. Then
// Delay and Lag are what that half is, in time: of 100,000 events a second some 1.3 s.
//
// # Guarantees
//
//   - Inside Delay, Lag and Settle, and as far as the recorders had no gap: every event
//     dispatched while the subscription was there is delivered once, by its ID, or is
//     missing with a gap.
//   - An ID that is dispatched twice is delivered once, as long as it is remembered.
//   - Events of one publisher come in their order, if they stand so in the stream: one
//     recorder keeps it, and so do several as long as none of them had a gap.
//
// # Concurrency
//
// A Machine is for one goroutine at a time. Receive of a Subscription is for one at a
// time, all else for any. New starts nothing; Run owns all goroutines.
//
// # Failure
//
// The end of the live subscription is the end of this one, after what is queued and
// parked was delivered, a gap before the latter.
//
// # Example
//
//	s, err := catchup.Open(ctx, catchup.Config{Streams: streams, Stream: "log", Topics: topics, Subscribe: live})
//	go s.Run(ctx)
//	d, err := s.Receive(ctx)
package catchup
