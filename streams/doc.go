// Package streams keeps events: ordered logs that are replicated with Raft, on the
// nodes that have storage.
//
// # Guarantees
//
//   - What Publish has returned a position for was fsynced by a majority of the
//     replicas: it survives the loss of any minority, kill -9 and power loss.
//   - The events of one stream have one order, the same for every reader. What one
//     caller publishes after the answer to what it published before stands behind
//     it; so do the batches of one producer.
//   - A batch is appended whole or not at all. One that a producer sends again under
//     its number is answered as the first time.
//   - A read shows everything that was acked before it began.
//   - Positions grow and are never used again.
//   - Each event is handed to every consumer group, to one of its consumers at a time,
//     and again until it is acked, or is a dead letter, or is said to be lost. What a
//     consumer says when its lease is over is refused.
//   - One holder at a time has a lock, by the cluster's time, and each has a token
//     greater than all before.
//   - A node that cannot reach a majority says so within a second, and does nothing.
//
// "Effectively once" is said of publishing only inside the window in which a stream
// remembers a producer or an event's ID; see [eventnode.StreamConfig].
//
// # Concurrency
//
// New starts nothing; Run owns all goroutines. Everything else is safe for
// concurrent use.
//
// # Failure
//
// eventnode.ErrUnavailable means that nothing was done: there is no leader, or no
// majority. After eventnode.ErrOutcomeUnknown an event may or may not have been
// appended: publish it again, by the same producer or WithDedupe. A replica whose
// files are damaged stops, and says which; its peers go on.
package streams
