// Package replica is one copy of a partition: a Raft log, the state that it makes,
// and the part that this copy has in agreeing on it.
//
// # How an event gets in
//
// A proposal waits in a queue. The committer takes whatever is there, up to
// MaxEntryBytes, puts the partition's time on it, and hands it to Raft as one
// entry. While that one is being fsynced, here and then elsewhere, the next
// gathers: the slower the disk, the larger the entries. When a majority has the
// entry, each replica applies it, and the proposals in it have their results.
//
// # Guarantees
//
//   - A result without an error of this package means that a majority of the
//     voters has fsynced the entry, and that this replica has applied it.
//   - ErrNotLeader and ErrUnavailable mean that nothing was done; after
//     ErrOutcomeUnknown it may have been.
//   - After Read has returned, the state shows everything that was acked, by any
//     replica, before Read was called.
//   - Time, as the state knows it, goes forward with the leader's monotonic clock.
//     A wall clock that is wrong pulls it by at most 1 %.
//
// # Who leads
//
// A leader that stops hands over, takes nothing meanwhile, and stays until it has
// heard who leads after it. One whose process has died is given up by the others as
// soon as Raft allows, in turn. One that is silent otherwise is waited for as
// HeartbeatTimeout says.
//
// # Concurrency
//
// New starts nothing. Run opens everything, owns all goroutines, and returns when
// ctx ends or the replica cannot go on. The other methods may be called from
// anywhere, also before and after Run: they are ErrUnavailable then. Nobody waits
// longer than its context.
//
// # Failure
//
// A log write that fails or comes late ends the replica's part: Raft is shut down,
// who waited gets ErrOutcomeUnknown, and it is opened again when the stuck call has
// returned. An fsync error, a damaged file and an entry that this version does not
// know are for the owner: Run returns them.
package replica
