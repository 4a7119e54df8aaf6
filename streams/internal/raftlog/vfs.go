package raftlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft-wal/types"
)

// NewVFS returns a log's file layer on a file system of Pebble's kind, so that log
// and state can lie on the same one. Files are not allocated ahead.
func NewVFS(fs vfs.FS) FS { return virtual{fs} }

// virtual makes of a vfs.FS what raft-wal expects: what is created, renamed or
// removed is durable when the file's first fsync, or the call, has returned.
type virtual struct{ fs vfs.FS }

var _ FS = virtual{}

// ListDir implements types.VFS.
func (v virtual) ListDir(dir string) ([]string, error) {
	names, err := v.fs.List(dir)
	slices.Sort(names)
	return names, err
}

// Create implements types.VFS.
func (v virtual) Create(dir, name string, _ uint64) (types.WritableFile, error) {
	path := v.fs.PathJoin(dir, name)
	if _, err := v.fs.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(err, fmt.Errorf("create %s: %w", path, os.ErrExist))
	}
	f, err := v.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return &virtualFile{File: f, fs: v, dir: dir, unnamed: true}, nil
}

// Delete implements types.VFS.
func (v virtual) Delete(dir, name string) error {
	if err := v.fs.Remove(v.fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return v.syncDir(dir)
}

// OpenReader implements types.VFS.
func (v virtual) OpenReader(dir, name string) (types.ReadableFile, error) {
	return v.fs.Open(v.fs.PathJoin(dir, name))
}

// OpenWriter implements types.VFS. A file that is not there is an error, not made.
func (v virtual) OpenWriter(dir, name string) (types.WritableFile, error) {
	path := v.fs.PathJoin(dir, name)
	if _, err := v.fs.Stat(path); err != nil {
		return nil, err
	}
	f, err := v.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	if err := v.syncDir(dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &virtualFile{File: f, fs: v, dir: dir}, nil
}

// MakeDir implements FS.
func (v virtual) MakeDir(dir string) error {
	_, err := v.fs.Stat(dir)
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := v.fs.PathDir(dir)
	if parent != dir {
		if err := v.MakeDir(parent); err != nil {
			return err
		}
	}
	if err := v.fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return v.syncDir(parent)
}

// Replace implements FS.
func (v virtual) Replace(dir, name string, data []byte) error {
	temp := v.fs.PathJoin(dir, name+".tmp")
	f, err := v.fs.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err = f.Write(slices.Clone(data)); err == nil { // a vfs.File may change what it is given
		err = fsyncError(f.Sync())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := v.fs.Rename(temp, v.fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return v.syncDir(dir)
}

// Lock implements FS.
func (v virtual) Lock(dir, name string) (io.Closer, error) {
	l, err := v.fs.Lock(v.fs.PathJoin(dir, name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLocked, err)
	}
	return l, nil
}

func (v virtual) syncDir(dir string) error {
	d, err := v.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(fsyncError(d.Sync()), d.Close())
}

// virtualFile is a file that makes its name durable with its first fsync.
type virtualFile struct {
	vfs.File
	fs      virtual
	dir     string
	unnamed bool // only the goroutine that writes looks
}

// Sync implements types.WritableFile.
func (f *virtualFile) Sync() error {
	if err := f.File.Sync(); err != nil || !f.unnamed {
		return err
	}
	f.unnamed = false
	return f.fs.syncDir(f.dir)
}
