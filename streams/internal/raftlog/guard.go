package raftlog

import (
	"github.com/hashicorp/raft-wal/types"
)

// guard tells of each failed write, also of those that raft-wal makes in the
// background and only logs, and names those of an fsync.
type guard struct {
	FS
	failed func(error)
}

// Create implements types.VFS.
func (g guard) Create(dir, name string, size uint64) (types.WritableFile, error) {
	f, err := g.FS.Create(dir, name, size)
	if err != nil {
		g.failed(err)
		return nil, err
	}
	return guardFile{f, g.failed}, nil
}

// OpenWriter implements types.VFS.
func (g guard) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := g.FS.OpenWriter(dir, name)
	if err != nil {
		return nil, err
	}
	return guardFile{f, g.failed}, nil
}

// Replace implements FS.
func (g guard) Replace(dir, name string, data []byte) error {
	err := g.FS.Replace(dir, name, data)
	if err != nil {
		g.failed(err)
	}
	return err
}

type guardFile struct {
	types.WritableFile
	failed func(error)
}

// WriteAt implements io.WriterAt.
func (f guardFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.WritableFile.WriteAt(p, off)
	if err != nil {
		f.failed(err)
	}
	return n, err
}

// Sync implements types.WritableFile. Its errors wrap ErrFsync.
func (f guardFile) Sync() error {
	if !fsyncs {
		return nil
	}
	err := fsyncError(f.WritableFile.Sync())
	if err != nil {
		f.failed(err)
	}
	return err
}
