// Package identity gives a replica's data directory a UUID that is born and dies
// with it, and keeps two processes from opening it.
//
// # Guarantees
//
//   - The UUID is made when the directory is empty, and never again: a directory
//     with data and without identity is refused, because its replica cannot be told
//     from another one. Before Open returns, the file and the directory are fsynced.
//   - A changed byte in the file is noticed by its checksum.
//   - A directory of a newer format is refused before anything else in it is read.
//   - While a Dir is open, no other process opens the directory, whatever becomes
//     of this one: the lock is the kernel's and ends with the process.
//
// # Concurrency
//
// Open and Read may be called from anywhere; a Dir's methods are not for several
// goroutines at once.
//
// # Failure
//
// Errors are ErrLocked (a *LockedError with the holder's pid, if known), ErrNewer (a
// *NewerError), ErrNoIdentity, ErrDamaged, or the file system's. A crash while the
// directory is made leaves one that is made anew by the next Open. Locks are advisory,
// and those of network file systems may be none.
//
//	dir, err := identity.Open(identity.Config{Path: "/var/lib/eventnode/p1"})
//	defer dir.Close()
//	id := raft.ServerID(dir.UUID().String())
package identity
