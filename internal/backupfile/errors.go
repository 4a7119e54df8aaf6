package backupfile

import (
	"errors"
	"fmt"
)

// Errors of a Reader, told apart with errors.Is.
var (
	// ErrDamaged: the file is cut, changed, or something else. The error is a
	// *DamagedError. Use another backup.
	ErrDamaged = errors.New("not a whole, unchanged backup")
	// ErrFormat: the file was written by a newer version. Use that one.
	ErrFormat = errors.New("unknown format of a backup")
)

// DamagedError says where a file is wrong.
type DamagedError struct {
	// Offset is how many of its bytes were good.
	Offset uint64
	// Reason says what is wrong with the next ones.
	Reason string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%v: after %d bytes: %s", ErrDamaged, e.Offset, e.Reason)
}

// Is reports whether target is ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }
