package pebbledb

import (
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// fence stands between Pebble and its files. When the store has failed, it lets
// no write through any more: Pebble tries a failed flush again at once, and goes
// on after a failed write to its manifest, which its own contract forbids. A
// write that comes then fails; while the store is open it first waits for Close,
// so that the retries do not spin.
type fence struct {
	vfs.FS
	shut     chan struct{} // closed by fail
	released chan struct{} // closed by release
	holds    atomic.Bool   // set when the store is open: Open must not wait for Close

	failOnce, releaseOnce sync.Once
}

func newFence(fs vfs.FS) *fence {
	return &fence{FS: fs, shut: make(chan struct{}), released: make(chan struct{})}
}

func (f *fence) fail()    { f.failOnce.Do(func() { close(f.shut) }) }
func (f *fence) release() { f.releaseOnce.Do(func() { close(f.released) }) }

// pass returns nil while the store is well.
func (f *fence) pass() error {
	select {
	case <-f.shut:
		if f.holds.Load() {
			<-f.released
		}
		return engine.ErrFailed
	default:
		return nil
	}
}

func (f *fence) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: file, fence: f}, nil
}

// Lock implements vfs.FS. The store holds the directory's lock itself: one that
// Pebble took, and was given up with while it opened, would be held for good.
func (f *fence) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Create implements vfs.FS.
func (f *fence) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.pass(); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.Create(name, category))
}

// OpenReadWrite implements vfs.FS.
func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := f.pass(); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.OpenReadWrite(name, category, opts...))
}

// ReuseForWrite implements vfs.FS.
func (f *fence) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.pass(); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.ReuseForWrite(oldname, newname, category))
}

// Link implements vfs.FS.
func (f *fence) Link(oldname, newname string) error {
	if err := f.pass(); err != nil {
		return err
	}
	return f.FS.Link(oldname, newname)
}

// Rename implements vfs.FS.
func (f *fence) Rename(oldname, newname string) error {
	if err := f.pass(); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

// Remove implements vfs.FS.
func (f *fence) Remove(name string) error {
	if err := f.pass(); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (f *fence) RemoveAll(name string) error {
	if err := f.pass(); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

// MkdirAll implements vfs.FS.
func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	if err := f.pass(); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir, perm)
}

// Unwrap is how Pebble finds the file system below.
func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file that was opened for writing.
type fencedFile struct {
	vfs.File
	fence *fence
}

// Write implements vfs.File.
func (f *fencedFile) Write(p []byte) (int, error) {
	if err := f.fence.pass(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// WriteAt implements vfs.File.
func (f *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fence.pass(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

// Sync implements vfs.File.
func (f *fencedFile) Sync() error {
	if err := f.fence.pass(); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData implements vfs.File.
func (f *fencedFile) SyncData() error {
	if err := f.fence.pass(); err != nil {
		return err
	}
	return f.File.SyncData()
}
