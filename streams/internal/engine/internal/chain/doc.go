// Package chain computes the hash over everything that was written to a store,
// the same in every engine, and keeps it beside the position in the log.
//
// # Guarantees
//
//	hash(n) = xxHash64(writes of entry n ‖ hash(n-1) ‖ index ‖ term)
//
// Writes are taken in the order they were made, each framed by its kind and its
// lengths, so no two different sequences have the same bytes. Only entries
// divide them, not batches: how many entries a replica puts into a batch depends
// on its load.
//
// # Concurrency
//
// A Tail belongs to one batch.
//
// # Failure
//
// The first bad key or entry is kept and returned by Err.
//
//	tail := chain.NewTail(state)
//	tail.Set(key, value)
//	tail.Seal(engine.Applied{Index: 7, Term: 1})
//	state, err := tail.State(), tail.Err()
package chain
