// Package mapdb is the engine in memory, for tests: a sorted map beside which
// pebbledb is checked.
//
// # Guarantees
//
// Those of package engine. A flush copies nothing, it remembers the moment;
// Crash goes back to it. A checkpoint is one file, the same bytes for the same
// content; it is not synced, nobody's power is lost in a test.
//
// # Concurrency
//
// As package engine says. It starts no goroutine.
//
// # Failure
//
// Nothing fails by itself, so Failed is never closed. A checkpoint that cannot
// be read is engine.ErrDamaged, or engine.ErrFormat.
//
//	store, err := mapdb.Open("")
//	store = store.Crash() // as it was at the last Flush
package mapdb
