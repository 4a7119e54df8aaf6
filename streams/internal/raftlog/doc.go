// Package raftlog is the log under one Raft replica: what is fsynced before
// anybody is told that it is kept, and what is never believed unchecked.
//
// It stores entries with hashicorp/raft-wal, and adds what that leaves out:
// checksums, a check of the files at open, deadlines, and a cache bounded by
// bytes.
//
// # Guarantees
//
//   - StoreLogs returns nil after the entries are fsynced, not before. So do
//     DeleteRange and Set. Begin returns before that, and Await after it; all others
//     wait for what was begun.
//   - GetLog returns what was stored under the index, or an error. A byte that
//     changed since gives [ErrDamaged]; it is never handed out as data.
//   - An entry carries its checksum in Log.Extensions from the leader that
//     first stored it. A follower that gets one which does not match refuses to
//     store it, and goes on.
//   - Open reads the whole log. A log that was damaged before its last write is
//     refused with ErrDamaged. Only the last write may be missing: one that a
//     crash cut short, so that nobody was told of it.
//   - A log that somebody cut short may open, shorter. [Log.CheckFloor] is how
//     the owner finds out, with what peers remember of it.
//   - After a write that failed or came late nothing is written any more, so
//     that what follows in the log is what was there before.
//
// # What is on disk
//
// Segment files in raft-wal's format, named by first index and segment number;
// one file, raftlog.meta, with the list of segments, the votes and the last
// known end, replaced as a whole and under one checksum; and a lock file.
//
// A write is one batch: a frame an entry, then a commit frame with the CRC32C of
// the batch. The file is allocated ahead, and is zero after its last batch. At
// open each batch is checked, and each entry in it. Where that stops and the
// rest is not zero, either a crash cut the last write short, or a batch that
// was once whole is damaged. It is damage, if any whole batch follows; or if
// the batch is there to its commit frame and no sector of it is zero, because a
// lost write leaves what was there before: zeros. Else the rest is set to zero,
// and raft-wal may open the file. It would take frames on trust.
//
// # Concurrency
//
// All methods are safe for concurrent use. Writes happen one at a time, each in a
// goroutine of its own that ends with it. Reads wait for no write.
//
// # Failure
//
// A write that fails, or takes longer than WriteDeadline, ends the Log: Dead is
// closed, Err says why, and each later write returns the same error. Whether the
// write is there after a restart is not known. The owner shuts the replica
// down, waits for Settled, closes the Log and may open it again. After
// [ErrFsync] it ends the process instead: the kernel may have dropped what it
// could not write, and say nothing the next time. Damage that GetLog finds ends
// the Log, too; and raft panics where it cannot read an entry that it has to
// apply, so the process may end with it.
//
// # What raft-wal leaves to its caller
//
// As of version 0.4.0, each with a test here: it cannot read a segment whose end
// was cut off after a restart; it mixes up its segments if the end is cut while
// a full one is being closed; it opens a full segment that a crash kept from
// being closed, and then never writes again; it deletes segments that its list
// does not name, though the list be an old copy; it finds entries that were
// deleted from the front; it stores entries that it is not willing to read back;
// and its codec panics on some damaged entries, while it refuses to open what it
// wrote with another one.
//
// # Example
//
//	l, err := raftlog.Open(raftlog.Config{Dir: dir})
//	if err != nil {
//		return err
//	}
//	defer l.Close()
//	if err := l.CheckFloor(whatPeersRemember); err != nil {
//		return err
//	}
//	r, err := raft.NewRaft(cfg, fsm, l, l, snapshots, transport)
package raftlog
