// Package state is what the entries of a partition's Raft log do: streams, their
// events, what is remembered of producers and event IDs, consumer groups, locks, and
// what goes with time.
//
// It is pure: no goroutine, clock, socket or random source. A Machine is given
// entries one after the other and a batch of the store to write to; time is the
// stamp in the entry. So every replica makes the same state of the same log,
// whatever engine holds it.
//
// # Guarantees
//
//   - A command succeeds or fails alone, and what fails has changed nothing, but
//     that a producer's number is used up if its batch was well formed.
//   - The events of a stream are counted 1, 2, 3, without holes, in the order in
//     which they were applied; positions grow, and none is used twice, also after
//     events went, clocks were set, and a stream was deleted and made again.
//   - The events of one command stand together and have one millisecond. They are
//     stored as they came, with the checksum they came with, which each read
//     verifies: an event that has changed, or is missing, is an error.
//   - What an EntryBuilder takes, every replica can apply and read back.
//   - A batch that a producer sends again has the answer of the first time.
//   - The stamp never goes back. Whatever goes with time goes by it alone.
//   - Each event of a stream is handed to every consumer group of it, and again until
//     it is acked, is a dead letter, or is said to be lost. It is in the hands of one
//     consumer of the group at a time. With retain acked it stays until then.
//   - What a consumer says under a lease that is over changes nothing, and is refused
//     as fenced. Epochs and fencing tokens grow, and none is used twice.
//   - In a keyed group no event is handed out while an earlier one of its key slot is
//     in other hands, or waits.
//   - What a fetch hands out is one row, as a rule, however much it is; what a step
//     does is bounded. Nothing of a group is in memory between two entries.
//
// What is due (ack waits, delays, locks, chunks to let go) is done by an Expire, which
// whoever leads proposes when View.NextDue says so. Whether the holder of a lease lives
// is not known here: whoever leads sees that, and proposes an EndLease.
//
// # Concurrency
//
// Apply belongs to one goroutine. A View reads whatever engine.Reader it is made
// of; over a snapshot it may be used while Apply goes on.
//
// # Failure
//
// An error of a command is in its Result and is one of package eventnode's: it is
// for whoever proposed it. An error of Apply means that this replica cannot go
// on: the entry is of a newer version or not well formed (ErrEntry), the store
// failed, or a row is damaged (engine.ErrDamaged). Its batch is not committed.
//
//	batch := store.NewBatch()
//	results, err := machine.Apply(batch, entry.Data)
//	...
//	batch.Seal(engine.Applied{Index: entry.Index, Term: entry.Term})
package state
