package raftlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
)

// FS is the file layer under a log: raft-wal's for segments, and three calls more.
type FS interface {
	types.VFS
	// MakeDir makes a directory, and what is missing above it, and returns when
	// that is durable. One that is there is left as it is.
	MakeDir(dir string) error
	// Replace makes data the content of a file, all of it or none, and returns
	// when that is durable. An error of an fsync wraps ErrFsync.
	Replace(dir, name string, data []byte) error
	// Lock takes a directory for this process until the result is closed, or
	// returns ErrLocked at once.
	Lock(dir, name string) (io.Closer, error)
}

var _ FS = disk{}

// disk is the operating system's file layer.
type disk struct{ *fs.FS }

// NewFS returns the operating system's file layer.
func NewFS() FS { return disk{fs.New()} }

// OpenWriter syncs the directory, too: the file may have been created just
// before a crash, and its name never been made durable.
func (d disk) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := d.FS.OpenWriter(dir, name)
	if err != nil {
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// MakeDir implements FS. A name in a directory that was never fsynced is gone after
// a power loss, with all that was fsynced below it.
func (d disk) MakeDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if err := d.MakeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// Replace implements FS: it writes another file, syncs it and renames it.
func (d disk) Replace(dir, name string, data []byte) error {
	tmp := filepath.Join(dir, name+".tmp")
	if err := writeSynced(tmp, data); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// Lock implements FS.
func (d disk) Lock(dir, name string) (io.Closer, error) {
	return lockFile(filepath.Join(dir, name))
}

func writeSynced(path string, data []byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return fsyncError(f.Sync())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := fsyncError(f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func fsyncError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrFsync, err)
}
