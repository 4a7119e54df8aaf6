package identity

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lockName is the file that is locked. It stays when the lock is released: to
// remove it would let two processes lock two files of that name.
const lockName = "lock"

// lock is a lock on a directory.
type lock struct{ file *os.File }

// acquire locks the directory and leaves the process id for who comes next.
func acquire(path string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := tryLock(f); err != nil {
		held := &LockedError{Path: path, PID: holder(f)}
		_ = f.Close()
		if errors.Is(err, errHeld) {
			return nil, held
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if err := leave(f, os.Getpid()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return &lock{file: f}, nil
}

// leave writes the holder's process id: a full disk does not keep it from
// starting, since the file has its block already or the id stays unknown.
func leave(f *os.File, pid int) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, _ = f.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return nil
}

// holder returns the process id in the file, 0 if there is none.
func holder(f *os.File) int {
	b, _ := io.ReadAll(io.LimitReader(f, 32))
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// release gives the directory free.
func (l *lock) release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}

// errHeld: another process has the lock.
var errHeld = errors.New("held")
