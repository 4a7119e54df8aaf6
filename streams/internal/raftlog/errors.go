package raftlog

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrDamaged: what is on disk, or came over the network, is not what was
	// stored. The error is a *DamageError. Rebuild this copy from its peers.
	ErrDamaged = errors.New("damaged log")
	// ErrBehindFloor: the log is shorter than peers remember it. The error is a
	// *FloorError. Rebuild this copy from its peers; it must not vote.
	ErrBehindFloor = errors.New("log ends before its floor")
	// ErrLate: a write took longer than WriteDeadline. It may or may not be
	// there after a restart.
	ErrLate = errors.New("log write is late")
	// ErrFsync: the kernel could not make a write durable. End the process.
	ErrFsync = errors.New("fsync failed")
	// ErrStuck: Close could not release the files, because a write is still
	// under way. Wait for Settled and close again.
	ErrStuck = errors.New("log is stuck in a write")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("log closed")
	// ErrLocked: somebody else has the directory open.
	ErrLocked = errors.New("log directory is in use")
	// ErrNotContiguous: the entries do not follow the last one, or the range is
	// neither at the front nor at the end of the log. Nothing was done.
	ErrNotContiguous = errors.New("not contiguous with the log")
	// ErrGivenUp: who waited for entries to be durable did not want to any more.
	ErrGivenUp = errors.New("given up waiting for the log")
	// ErrTooLarge: an entry or a batch of them cannot be stored. Nothing was
	// done.
	ErrTooLarge = errors.New("too large for the log")
)

// DamageError says what is damaged. errors.Is(err, ErrDamaged) holds.
type DamageError struct {
	// Index is that of the entry, or the first of those that it may be; 0 if
	// it is not about entries.
	Index uint64
	// Term is the entry's, as far as it can be read, or 0.
	Term uint64
	// Where is the file and the offset in it, or where else the entry was.
	Where string
	// Reason is what does not match.
	Reason string
}

func (e *DamageError) Error() string {
	what := ""
	if e.Index != 0 {
		what = fmt.Sprintf(": entry %d", e.Index)
	}
	if e.Term != 0 {
		what += fmt.Sprintf(" of term %d", e.Term)
	}
	return fmt.Sprintf("%v: %s%s: %s", ErrDamaged, e.Where, what, e.Reason)
}

// Is reports whether target is ErrDamaged.
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// FloorError says how far behind a log is. errors.Is(err, ErrBehindFloor) holds.
type FloorError struct {
	// Last is the last index of the log.
	Last uint64
	// Floor is the index that it once had.
	Floor uint64
}

func (e *FloorError) Error() string {
	return fmt.Sprintf("%v: last index is %d, was %d", ErrBehindFloor, e.Last, e.Floor)
}

// Is reports whether target is ErrBehindFloor.
func (e *FloorError) Is(target error) bool { return target == ErrBehindFloor }
