// Package pebbledb is the engine on disk: Pebble without its own write-ahead
// log, because the Raft log is one already.
//
// # Guarantees
//
// Those of package engine. A prefix survives because Pebble writes its tables
// in the order of the commits, installs each whole, and the position in the log
// is a key like any other. A failed write ends the store, and from then on the
// fence lets no write through, so nothing that comes after can spoil what is
// there.
//
// # Concurrency
//
// As package engine says. Pebble's goroutines begin with Open and end with
// Close. Memory is bounded by Config.MemoryBytes, and what the batches hold.
//
// # Failure
//
// Commit waits when memory is full of what the disk has not taken yet; it
// returns when the store fails or is closed meanwhile. A checksum that does not
// match, a file that is missing or cut is engine.ErrDamaged, at Open, at a read
// or from a compaction. One that was written by a newer version is
// engine.ErrFormat.
//
// One kind of damage looks like a crash: a manifest that is cut, or bad in its
// last part, opens as an earlier prefix, which may be before what was durable. So
// the owner compares Applied with where its log begins.
//
// A bad checksum takes Pebble its time: it looks for the one bit by trying those
// of the first 40 KiB, each with a checksum over the whole block. For a block of
// 1 MiB that is well over ten seconds of one core, which the read lasts, and Open,
// if a compaction comes upon it.
//
//	store, err := pebbledb.Open(pebbledb.Config{Dir: "data/partition-1"})
//	defer store.Close()
package pebbledb
