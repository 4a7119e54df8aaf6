package snapshot

import (
	"errors"
	"fmt"
)

// Errors of a store, told apart with errors.Is.
var (
	// ErrDamaged: what is on disk is not what was written. The error is a
	// *DamagedError. Rebuild the replica from its peers; it must not be guessed.
	ErrDamaged = errors.New("snapshot: damaged")
	// ErrFormat: a file or a stream was written by a newer version. Use that one.
	ErrFormat = errors.New("snapshot: unknown format")
	// ErrStream: what was received is not a whole, unchanged stream. Nothing of it
	// is kept; the sender may try again. The error is a *StreamError.
	ErrStream = errors.New("snapshot: bad stream")
	// ErrBusy: as many streams are open as may be. Try again later.
	ErrBusy = errors.New("snapshot: too many streams")
	// ErrNoRoom: the disk has no room for what is being received.
	ErrNoRoom = errors.New("snapshot: no room")
	// ErrNotDurable: the engine was flushed, and still does not say that it has
	// made durable what the snapshot needs. The log must not be cut.
	ErrNotDurable = errors.New("snapshot: state is not durable")
	// ErrStale: a newer snapshot was taken or received meanwhile. That one counts.
	ErrStale = errors.New("snapshot: stale")
	// ErrNotFound: no snapshot has this ID, or no more.
	ErrNotFound = errors.New("snapshot: not found")
	// ErrNotReceived: there is nothing to install.
	ErrNotReceived = errors.New("snapshot: none received")
	// ErrFailed: an Install failed half way. Close the replica; opened again, it
	// has the old state or the new one. The cause is wrapped.
	ErrFailed = errors.New("snapshot: failed")
	// ErrClosed: the store or the stream was closed.
	ErrClosed = errors.New("snapshot: closed")
)

// DamagedError says what is damaged.
type DamagedError struct {
	// Path is the file or directory.
	Path string
	// Reason says what was found.
	Reason string
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%v: %s: %s", ErrDamaged, e.Path, e.Reason) }

// Is reports whether target is ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// StreamError says where a stream is wrong.
type StreamError struct {
	// Offset is how many of its bytes were good.
	Offset uint64
	// Reason says what is wrong with the next ones.
	Reason string
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("%v: after %d bytes: %s", ErrStream, e.Offset, e.Reason)
}

// Is reports whether target is ErrStream.
func (e *StreamError) Is(target error) bool { return target == ErrStream }
