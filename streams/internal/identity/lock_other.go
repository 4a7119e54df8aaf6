//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package identity

import (
	"errors"
	"os"
)

// tryLock fails: a directory that cannot be locked is not opened.
func tryLock(*os.File) error { return errors.ErrUnsupported }
