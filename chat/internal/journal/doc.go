// Package journal is what nodes write down of their sessions and of what is dispatched,
// and what is made of that when a node has died: which sessions it had, and what each of
// them was sent or is still to be sent.
//
// A [Queue] turns what happens on a node into entries, in order. An [Index] reads the
// entries of all nodes, in the order in which they stand in a stream. Neither has a
// goroutine, a clock or a stream.
//
// # What is written
//
// The node that is asked to dispatch writes the event down ("dispatched"); each node that
// has sessions writes which of them were sent it, and under which number ("sent"), and
// then that it has done with the event ("handled"): so an event that was handled and was
// not sent to a session was not for it. What nodes make by themselves stands in full where
// it was sent ("made"). A session is written down when it opens, when it changes and now
// and then ("opened"), and when it ends.
//
// # Who has a session
//
// A session has a generation, which grows with each node that takes it over. Whoever has
// written the greatest down, and that it is complete, has it: what an earlier one writes
// later counts for nothing.
//
// # Guarantees
//
// If what is durable of each node's entries is a prefix of what it wrote, and clients have
// seen only what is durable, then for each session of a node that died:
//
//   - Index.Log is what it was sent, under the same numbers, as far as the client may have
//     seen it, and perhaps more.
//   - Index.Log and Index.Unsent together have each event that was dispatched, written down
//     and for the session, once, as far as the index goes back. What Unsent returns is not
//     yet known to be for the session: the caller asks the routing rules.
//   - What was written and cannot be told any more is a sessions.GapError, not a hole.
//
// # Bounds
//
// An index forgets what is older than Config.Window, of each session all but the newest
// Config.Events events, and the oldest events of all when they have more than Config.Bytes.
//
// # Concurrency
//
// A Queue and an Index belong to one goroutine at a time. What they return does not change.
package journal
