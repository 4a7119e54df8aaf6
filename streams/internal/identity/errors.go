package identity

import (
	"errors"
	"fmt"
)

// Why a data directory is not opened.
var (
	// ErrLocked: another process has the directory open. The error is a
	// *LockedError.
	ErrLocked = errors.New("data directory is in use")
	// ErrNewer: the directory was written by a newer version of the program. Run
	// that one. The error is a *NewerError.
	ErrNewer = errors.New("written by a newer version")
	// ErrNoIdentity: the directory has data and no identity. Put the identity
	// back if it can be, or empty the directory: the replica is rebuilt from its
	// peers under a new UUID.
	ErrNoIdentity = errors.New("data directory without identity")
	// ErrDamaged: the identity file is there and is not what was written. What to
	// do is as for ErrNoIdentity.
	ErrDamaged = errors.New("damaged identity file")
)

// LockedError says who has the directory.
type LockedError struct {
	// Path is the directory.
	Path string
	// PID is the holder's process id; 0 if it is not known.
	PID int
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("data directory %s is in use by another process", e.Path)
	}
	return fmt.Sprintf("data directory %s is in use by process %d", e.Path, e.PID)
}

// Is reports whether target is ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// NewerError says which formats met.
type NewerError struct {
	// Path is the directory.
	Path string
	// Format is the directory's, Known the newest that this program reads.
	Format, Known uint32
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("data directory %s was written by a newer version: it has format %d, this program reads up to %d; run the newer program, there is no way back",
		e.Path, e.Format, e.Known)
}

// Is reports whether target is ErrNewer.
func (e *NewerError) Is(target error) bool { return target == ErrNewer }
