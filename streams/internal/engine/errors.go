package engine

import (
	"errors"
	"fmt"
)

// Errors of a store, told apart with errors.Is.
var (
	// ErrClosed: the store, snapshot or batch was closed.
	ErrClosed = errors.New("engine: closed")
	// ErrDamaged: the files do not hold what was written. The error is a
	// *DamagedError. Replace the copy by a peer's; it must not be guessed.
	ErrDamaged = errors.New("engine: damaged")
	// ErrFailed: a write failed, and the store stopped. The cause is wrapped
	// (syscall.ENOSPC on a full disk). Close it; what is on disk is a prefix.
	ErrFailed = errors.New("engine: failed")
	// ErrFormat: the files were written by a newer version. Use that one.
	ErrFormat = errors.New("engine: unknown format")
	// ErrKey: a key is empty, or belongs to the engine (see MinKey).
	ErrKey = errors.New("engine: bad key")
	// ErrOrder: an entry is not after the one before, or another batch was
	// committed since this one began. The writer is wrong; nothing was written.
	ErrOrder = errors.New("engine: out of order")
	// ErrTooLarge: the batch is beyond what the engine takes. Nothing was written.
	ErrTooLarge = errors.New("engine: batch too large")
)

// DamagedError says what is damaged.
type DamagedError struct {
	// File is its path, if it is known.
	File string
	// Err is what was found.
	Err error
}

func (e *DamagedError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("%v: %v", ErrDamaged, e.Err)
	}
	return fmt.Sprintf("%v: %s: %v", ErrDamaged, e.File, e.Err)
}

// Is reports whether target is ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// Unwrap returns what was found.
func (e *DamagedError) Unwrap() error { return e.Err }
