// Package engine is what the state of a partition is kept in: an ordered
// key/value store that remembers up to which log entry it was written.
//
// The Raft log is the only thing that is fsynced for an ack. A store is not: it
// writes when it likes, and after a crash holds what some earlier moment held,
// and says which. The rest is applied again from the log.
//
// # Guarantees
//
//   - A batch is atomic, and the position in the log is part of it. After a
//     crash or a power loss a store holds a prefix of the batches that were
//     committed: never a part of one, never one without those before it.
//   - What Flush has returned for, and what Durable says, survives. The log may
//     be cut up to there.
//   - A batch sees its own writes. A Snapshot sees one moment, however long it
//     is held. Get and Scan of a store see batches whole.
//   - Two stores that were given the same writes under the same entries have the
//     same Chain, whatever the engine and however entries were put together in
//     batches.
//   - Damage is found by whoever reads it, and is ErrDamaged; it is never handed
//     out as a value.
//
// # Concurrency
//
// One goroutine writes: it has at most one Batch, which nobody else touches.
// Everything else of a Store may be called from anywhere, at any time. Reads
// block neither each other nor the writer. Commit waits while the disk is far
// behind (memory is bounded), and so, on a disk that hangs, for as long as it
// hangs: the caller owns the deadline.
//
// # Failure
//
// A write that fails in the background (a full or broken disk, damage found by a
// compaction) ends the store: Failed is closed, Err says why, Commit and Flush
// return it, and nothing more is written, so what is on disk stays a prefix.
// Close it; open it again, or replace it by a peer's copy.
//
//	batch := store.NewBatch()
//	defer batch.Close()
//	for _, e := range entries {
//		apply(batch, e)                     // batch.Get, Scan, Set, Delete, ...
//		batch.Seal(engine.Applied{Index: e.Index, Term: e.Term})
//	}
//	err := batch.Commit(last)
package engine
