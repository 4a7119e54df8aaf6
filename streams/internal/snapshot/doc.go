// Package snapshot is the raft.SnapshotStore of a replica whose state is kept in
// an engine.Store. The state is the snapshot: nothing is copied to take one, and
// what is sent to a peer is a checkpoint of the engine, made when it is asked for.
//
// # Taking one
//
// FSM.Snapshot returns [Store.Snapshot]. When raft closes the sink, the engine is
// flushed, and once it says that everything is durable that raft had handed over,
// the file "snapshot" is replaced: which entries the state holds at least, and the
// cluster's configuration. Raft may cut its log then.
//
// # Sending one
//
// Open makes a checkpoint and streams it. It holds the snapshot's entries and
// perhaps later ones. They are committed, and whoever receives it skips entries
// that the engine has (Index <= Applied), so newer is right. A follower needs the
// log from the snapshot's index on, however long its transfer takes; if that was
// cut, it gets another snapshot, and so on for ever. [Store.Sending] says which
// index to keep until the follower has installed it; it needs some more time to
// catch up from there.
//
// # Receiving one
//
// The sink unpacks the stream into a new directory, checked frame by frame, and
// syncs it. FSM.Restore calls [Store.Install] (and reads nothing of what raft
// hands it): the caller closes its engine and opens the new directory, and then
// the file "snapshot" is replaced, which is the only step that counts. Then the
// old directory is removed. Raft cuts its log after that; what is left of this when
// the process ends in between is put right by [Store.Align].
//
// A received state that holds less than the one that is there is refused: what a
// replica has applied is committed, and others may count on it. Raft.Restore, which
// makes one cluster's state another's, is not for this store: the entries of the two
// have nothing to do with each other.
//
// # For operators
//
// [Store.Moment] is a checkpoint to be read at leisure: for looking at each byte of
// it, or for a backup, which is the same stream. [Restore] makes the directory of a
// store that never was of such a stream: with other servers, and an engine that its
// caller may change first. It is the state of a new partition, not a replica's.
//
// # On disk
//
//	snapshot    which directory is the state, what it holds at least, and raft's
//	            words about it; text, with a checksum; always there
//	state-N     the engine's directory; another N is a leftover, removed by Open
//	sending-N   a checkpoint on its way to a peer; a leftover, too, after a crash
//	moment-UUID a checkpoint that somebody reads; likewise
//
// # The stream
//
// Version 1. Numbers are big endian. Each sum is the xxHash64 of all that came
// before it in the stream, except the sums: bytes that are changed, lost, doubled or
// moved are found at the next one, before they are written to a file.
//
//	head      magic "evn-snap", version u32, files u32, length of the whole
//	          stream in bytes u64, index u64 and term u64 of the last entry in it, sum
//	each file name length u16 (1 to 255), size u64, name, sum; then its bytes in
//	          frames of 256 KiB (the last one is what is left), each with a sum
//	end       magic "evn-end.", sum
//
// Names are letters, digits, '.', '-' and '_', begin with a letter or a digit, and
// ascend. There are at most 1,048,576 of them, and no directories.
//
// # Guarantees
//
//   - A snapshot that raft was told of is durable, and so is the state under it.
//   - Whenever the process ends or the power goes, Open finds the old state with
//     the old snapshot, or the new one with the new: never a mix.
//   - A stream that is not, byte by byte, what was sent is refused, and what is
//     there stays as it is. It can make no file outside its directory, and takes
//     less than 1 MiB of memory.
//   - A snapshot is not forgotten in silence: a file "snapshot" that is damaged, or
//     gone while other files are there, is ErrDamaged.
//
// # Concurrency
//
// All methods are safe for concurrent use; sinks and streams belong to one
// goroutine each. No goroutine is started. Flush and Checkpoint of the engine take
// as long as the disk does, in raft's goroutines: Close ends the wait, so call it
// before waiting for raft's Shutdown.
//
// # Failure
//
// A snapshot that cannot be taken, sent or received is an error to raft, which tries
// again later; what was there stays. When Install fails after its caller has opened
// the new directory, nobody knows which state a crash would leave: the store has
// failed, and Err says why. Shut the replica down and open it again.
//
// # Example
//
//	snapshots, err := snapshot.Open(snapshot.Config{Dir: dir, Engine: replica.engine})
//	store, err := pebbledb.Open(pebbledb.Config{Dir: snapshots.State()})
//	err = errors.Join(snapshots.Check(store), snapshots.Align(log))
//	cfg.NoSnapshotRestoreOnStart = true
//	r, err := raft.NewRaft(cfg, fsm, log, log, snapshots, transport)
package snapshot
