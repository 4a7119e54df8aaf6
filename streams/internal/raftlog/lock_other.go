//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package raftlog

import (
	"io"
	"os"
)

// lockFile holds the file open: where there is no flock, a system that refuses
// to open a file twice refuses here, and others do not.
func lockFile(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
}
