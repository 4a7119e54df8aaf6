package faults_test

import (
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/eventnode/eventnode/node"
)

// op is a kind of call that changes files.
type op string

// The calls that a disk may fail, or keep waiting.
const (
	opCreate op = "create"
	opWrite  op = "write"
	opSync   op = "sync"
	opRename op = "rename"
)

// disk is a node's disk: a file system in memory that knows what was fsynced, and
// calls before each change what the test has set, whose error fails it.
type disk struct {
	vfs.FS
	mem *vfs.MemFS

	mu     sync.Mutex
	before func(op, string) error
}

func newDisk(mem *vfs.MemFS) *disk { return &disk{FS: mem, mem: mem} }

// fail sets what is called before each change; nil: nothing.
func (d *disk) fail(before func(op, string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = before
}

func (d *disk) call(o op, name string) error {
	d.mu.Lock()
	before := d.before
	d.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(o, name)
}

// afterPowerLoss is the disk as a power loss leaves it at this moment: of what was not
// fsynced each block is there with this probability, in percent.
func (d *disk) afterPowerLoss(percent int, rnd *rand.Rand) *disk {
	return newDisk(d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rnd}))
}

// Create implements vfs.FS.
func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.call(opCreate, name); err != nil {
		return nil, err
	}
	return d.wrap(name)(d.FS.Create(name, c))
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(name)(d.FS.OpenReadWrite(name, c, opts...))
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(to)(d.FS.ReuseForWrite(from, to, c))
}

// OpenDir implements vfs.FS.
func (d *disk) OpenDir(name string) (vfs.File, error) { return d.wrap(name)(d.FS.OpenDir(name)) }

// Rename implements vfs.FS.
func (d *disk) Rename(from, to string) error {
	if err := d.call(opRename, to); err != nil {
		return err
	}
	return d.FS.Rename(from, to)
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

func (d *disk) wrap(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil {
			return nil, err
		}
		return &diskFile{File: f, disk: d, name: name}, nil
	}
}

// diskFile is a file whose changes pass through the disk.
type diskFile struct {
	vfs.File
	disk *disk
	name string
}

// Write implements vfs.File.
func (f *diskFile) Write(p []byte) (int, error) {
	if err := f.disk.call(opWrite, f.name); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// WriteAt implements vfs.File.
func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.call(opWrite, f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

// Sync implements vfs.File.
func (f *diskFile) Sync() error {
	if err := f.disk.call(opSync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData implements vfs.File.
func (f *diskFile) SyncData() error {
	if err := f.disk.call(opSync, f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}

// SyncTo implements vfs.File.
func (f *diskFile) SyncTo(n int64) (bool, error) {
	if err := f.disk.call(opSync, f.name); err != nil {
		return false, err
	}
	return f.File.SyncTo(n)
}

// isSegment reports whether a file has entries of a log.
func isSegment(name string) bool { return strings.HasSuffix(name, ".wal") }

// disks are those of nodes in this process.
type disks struct {
	mu   sync.Mutex
	of   map[string]*disk
	rest []*disk // those of before a power loss, still in use by a process that is gone
}

func newDisks(names ...string) *disks {
	d := &disks{of: map[string]*disk{}}
	for _, name := range names {
		d.of[name] = newDisk(vfs.NewCrashableMem())
	}
	return d
}

func (d *disks) configure(name string, cfg *node.Config) { cfg.Storage.FS = d.get(name) }

func (d *disks) get(name string) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of[name]
}

func (d *disks) set(name string, to *disk) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rest = append(d.rest, d.of[name])
	d.of[name] = to
}
