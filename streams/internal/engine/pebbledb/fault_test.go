package pebbledb_test

import (
	"context"
	"errors"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

// fault fails one operation, once, after it is armed.
type fault struct {
	file string // part of the file's name
	kind errorfs.OpKind

	mu    sync.Mutex
	armed bool
	after int // more writes to the manifest, after the failure
}

func (f *fault) fs(disk vfs.FS) vfs.FS { return errorfs.Wrap(disk, errorfs.InjectorFunc(f.maybe)) }

func (f *fault) maybe(op errorfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := path.Base(op.Path)
	if f.armed && op.Kind == f.kind && strings.Contains(name, f.file) {
		f.armed, f.after = false, 0
		return syscall.ENOSPC
	}
	if op.Kind == errorfs.OpFileWrite && strings.HasPrefix(name, "MANIFEST") {
		f.after++
	}
	return nil
}

func (f *fault) arm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = true
}

// TestFailedWrite: one write that fails, to whatever file, ends the store with
// the cause, though the next would succeed; and what is on disk is a prefix.
func TestFailedWrite(t *testing.T) {
	script := enginetest.Script{Seed: enginetest.Seed(t), Large: true}
	for name, f := range map[string]*fault{
		"table create":   {file: ".sst", kind: errorfs.OpCreate},
		"table write":    {file: ".sst", kind: errorfs.OpFileWrite},
		"table sync":     {file: ".sst", kind: errorfs.OpFileSyncData},
		"manifest write": {file: "MANIFEST", kind: errorfs.OpFileWrite},
		"manifest sync":  {file: "MANIFEST", kind: errorfs.OpFileSync},
	} {
		t.Run(name, func(t *testing.T) { failedWrite(t, script, f) })
	}
}

func failedWrite(t *testing.T, script enginetest.Script, f *fault) {
	if checked { // for a table too: what the manifest is to take after it is refused
		t.Skip("Pebble expects to end with the process here, and panics at its own check that its tables of level 0 are as the manifest says")
	}
	disk := vfs.NewCrashableMem()
	s := mustOpen(t, small(f.fs(disk)))
	last, armed := uint64(0), uint64(50)
	var err error
	for err == nil && last < 3000 {
		if last == armed {
			f.arm()
		}
		last++
		err = script.Commit(s, last, last)
	}
	if !errors.Is(err, engine.ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("commit: %v", err)
	}
	<-s.Failed()
	_, flushErr := s.Flush(t.Context())
	if !errors.Is(s.Err(), syscall.ENOSPC) || !errors.Is(flushErr, syscall.ENOSPC) {
		t.Errorf("err: %v; flush: %v", s.Err(), flushErr)
	}
	durable := s.Durable()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if f.file == "MANIFEST" && f.after > 0 {
		t.Errorf("%d writes to the manifest after the one that failed", f.after)
	}
	for _, percent := range []int{0, 100} {
		c := vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: newRand(script.Seed)}
		after := mustOpen(t, small(disk.CrashClone(c)))
		enginetest.Recovered(t, after, script, durable, last)
		if err := after.Close(); err != nil {
			t.Error(err)
		}
	}
}

// hang is a file system where a file with this name waits until it is let go:
// a table when it is created, the manifest when it is synced.
type hang struct {
	vfs.FS
	name         string
	armed        atomic.Bool
	stuck, letGo chan struct{}
	once         sync.Once
}

func (h *hang) wait() {
	h.once.Do(func() { close(h.stuck) })
	<-h.letGo
}

func (h *hang) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	named := strings.Contains(path.Base(name), h.name)
	if named && h.armed.Load() {
		h.wait()
	}
	f, err := h.FS.Create(name, c)
	if err != nil || !named {
		return f, err
	}
	return &hangingFile{File: f, hang: h}, nil
}

type hangingFile struct {
	vfs.File
	hang *hang
}

func (f *hangingFile) Sync() error {
	if f.hang.armed.Load() {
		f.hang.wait()
	}
	return f.File.Sync()
}

// TestHungWrite: while a write hangs, Flush ends with its context, reads go on,
// memory stays bounded, and a Commit that waits is woken by Close.
func TestHungWrite(t *testing.T) {
	for _, name := range []string{".sst", "MANIFEST"} {
		t.Run(name, func(t *testing.T) { hungWrite(t, name) })
	}
}

func hungWrite(t *testing.T, name string) {
	script := enginetest.Script{Seed: enginetest.Seed(t)}
	h := &hang{FS: vfs.NewCrashableMem(), name: name, stuck: make(chan struct{}), letGo: make(chan struct{})}
	s := mustOpen(t, small(h))
	h.armed.Store(true)
	if err := script.Commit(s, 1, 10); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-h.stuck
		cancel()
	}()
	if _, err := s.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("flush: %v", err)
	}
	enginetest.Check(t, s, enginetest.NewModel(script).To(10))
	if got := s.Durable(); got != 0 {
		t.Errorf("durable %d", got)
	}
	writer := make(chan error)
	go func() { writer <- fill(s, script) }()
	closed := make(chan error)
	go func() {
		waitFor(s)
		closed <- s.Close()
	}()
	if err := <-writer; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("the writer ended with %v", err)
	}
	if got := s.Pending(); got < 3<<20 || got > 4<<20 {
		t.Errorf("%d bytes waited for the disk", got)
	}
	close(h.letGo)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// waitFor returns when a commit waits for the disk.
func waitFor(s *pebbledb.Store) {
	for s.Waits() == 0 {
		runtime.Gosched()
	}
}

// fill commits until an error.
func fill(s *pebbledb.Store, script enginetest.Script) error {
	for i := uint64(11); ; i++ {
		if err := script.Commit(s, i, i); err != nil {
			return err
		}
	}
}
