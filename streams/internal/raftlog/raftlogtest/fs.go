// Package raftlogtest is a file layer that fails, hangs and forgets, for tests
// of what stands on a log.
//
// # Guarantees
//
//   - Each call that changes a file passes through Before, which may fail it or
//     keep it waiting.
//   - Crash takes back, of the writes that were not fsynced, each sector with
//     even odds, as a power loss may.
//
// # Concurrency
//
// All methods are safe for concurrent use. Before is called without a lock held,
// and may block.
//
// # Failure
//
// After Crash all files that were open fail, like those of a dead process, and so
// does everything else until a directory is locked anew.
//
// # Example
//
//	fs := raftlogtest.New(raftlog.NewFS())
//	fs.Before(func(op raftlogtest.Op, name string) error {
//		if op == raftlogtest.Sync {
//			return syscall.EIO
//		}
//		return nil
//	})
//	l, err := raftlog.Open(raftlog.Config{Dir: dir, FS: fs})
package raftlogtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/hashicorp/raft-wal/types"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
)

// Op is a kind of call that changes files.
type Op string

// The calls that pass through Before.
const (
	Create  Op = "create"
	Write   Op = "write"
	Sync    Op = "sync"
	Delete  Op = "delete"
	Replace Op = "replace"
)

// ErrCrashed is what files give that were open when Crash was called.
var ErrCrashed = errors.New("crashed")

// FS wraps a file layer. The zero value is not usable; use New.
type FS struct {
	raftlog.FS

	mu     sync.Mutex
	before func(Op, string) error
	life   int               // counts crashes
	down   bool              // since a crash, until somebody takes a lock
	undo   map[string][]undo // by path, what is not fsynced, oldest first
	locks  []io.Closer
}

var _ raftlog.FS = (*FS)(nil)

// undo is what was in a file where a write went.
type undo struct {
	file types.WritableFile
	off  int64
	old  []byte
}

// New wraps a file layer.
func New(fs raftlog.FS) *FS { return &FS{FS: fs, undo: make(map[string][]undo)} }

// Before sets what is called before each change, with the file's name. Its
// error fails the call, which then changes nothing.
func (f *FS) Before(fn func(op Op, name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = fn
}

func (f *FS) call(life int, op Op, name string) error {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		if err := before(op, name); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if life != f.life || f.down {
		return ErrCrashed
	}
	return nil
}

func (f *FS) now() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.life
}

// Create passes through Before.
func (f *FS) Create(dir, name string, size uint64) (types.WritableFile, error) {
	life := f.now()
	if err := f.call(life, Create, name); err != nil {
		return nil, err
	}
	w, err := f.FS.Create(dir, name, size)
	return f.wrap(w, err, dir, name, life)
}

// OpenWriter opens a file whose changes pass through Before.
func (f *FS) OpenWriter(dir, name string) (types.WritableFile, error) {
	w, err := f.FS.OpenWriter(dir, name)
	return f.wrap(w, err, dir, name, f.now())
}

func (f *FS) wrap(w types.WritableFile, err error, dir, name string, life int) (types.WritableFile, error) {
	if err != nil {
		return nil, err
	}
	return &file{WritableFile: w, fs: f, path: dir + "/" + name, name: name, life: life}, nil
}

// Delete passes through Before.
func (f *FS) Delete(dir, name string) error {
	if err := f.call(f.now(), Delete, name); err != nil {
		return err
	}
	return f.FS.Delete(dir, name)
}

// Replace passes through Before.
func (f *FS) Replace(dir, name string, data []byte) error {
	if err := f.call(f.now(), Replace, name); err != nil {
		return err
	}
	return f.FS.Replace(dir, name, data)
}

// Lock keeps the lock in mind, so that Crash releases it.
func (f *FS) Lock(dir, name string) (io.Closer, error) {
	l, err := f.FS.Lock(dir, name)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.locks = append(f.locks, l)
		f.down = false
	}
	return l, err
}

// Crash takes back a random part of what was not fsynced, sector by sector, and
// makes all that is open fail. Directories can be opened anew.
func (f *FS) Crash(rnd *rand.Rand) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.life++
	f.down = true
	var errs []error
	for _, list := range f.undo {
		for _, u := range slices.Backward(list) {
			errs = append(errs, u.some(rnd))
		}
	}
	clear(f.undo)
	for _, l := range f.locks {
		_ = l.Close() // most were closed in time
	}
	f.locks = nil
	return errors.Join(errs...)
}

// some undoes some sectors of one write.
func (u undo) some(rnd *rand.Rand) error {
	const sector = 512
	for at := u.off; at < u.off+int64(len(u.old)); {
		end := min(at&^(sector-1)+sector, u.off+int64(len(u.old)))
		if rnd.IntN(2) == 0 {
			if _, err := u.file.WriteAt(u.old[at-u.off:end-u.off], at); err != nil {
				return fmt.Errorf("undo: %w", err)
			}
		}
		at = end
	}
	return nil
}

type file struct {
	types.WritableFile
	fs   *FS
	path string
	name string
	life int
}

// WriteAt implements io.WriterAt. It keeps what was there for Crash.
func (w *file) WriteAt(p []byte, off int64) (int, error) {
	if err := w.fs.call(w.life, Write, w.name); err != nil {
		return 0, err
	}
	old := make([]byte, len(p))
	if _, err := w.ReadAt(old, off); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	w.fs.mu.Lock()
	w.fs.undo[w.path] = append(w.fs.undo[w.path], undo{w.WritableFile, off, old})
	w.fs.mu.Unlock()
	return w.WritableFile.WriteAt(p, off)
}

// Sync implements types.WritableFile. What was written before survives a Crash.
func (w *file) Sync() error {
	if err := w.fs.call(w.life, Sync, w.name); err != nil {
		return err
	}
	if err := w.WritableFile.Sync(); err != nil {
		return err
	}
	w.fs.mu.Lock()
	defer w.fs.mu.Unlock()
	delete(w.fs.undo, w.path)
	return nil
}
