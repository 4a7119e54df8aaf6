package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/raftnet"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Config of a Replica.
type Config struct {
	// Dir is the replica's directory: log, state and snapshots are in it. Required.
	Dir string
	// Cluster is the cluster's UUID, Partition the partition's number, and ID this
	// replica's UUID, which was born with its directory. ID is required.
	Cluster   uuid.UUID
	Partition uint32
	ID        uuid.UUID
	// Net carries Raft's connections. Required.
	Net *raftnet.Server

	// HeartbeatTimeout is how long a follower waits for a leader before it asks to
	// be elected; an election takes as long at most. Shorter, and a machine that is
	// busy for a moment costs a change of leaders. Defaults to 500 ms.
	HeartbeatTimeout time.Duration
	// MaxEntryBytes is how much the committer puts into one Raft entry, at the
	// least one proposal. Defaults to 512 KiB.
	MaxEntryBytes int
	// MaxQueueBytes bounds proposals that wait for the committer; who proposes more
	// waits. Defaults to 32 MiB.
	MaxQueueBytes int
	// SnapshotBytes is how much log there is before it is cut, and TrailingBytes
	// how much of it is left for followers that are behind. Default to 128 MiB and
	// 64 MiB.
	SnapshotBytes, TrailingBytes uint64
	// SnapshotEntries is behind how many entries there is a new snapshot in any case:
	// a replica that starts reads and applies those behind its last one before it takes
	// new ones. Defaults to 8,192.
	SnapshotEntries uint64
	// WriteDeadline is how long a write of the log, or applying, may take. Defaults
	// to 5 s.
	WriteDeadline time.Duration
	// MemoryBytes is for the engine's caches. Defaults to 128 MiB.
	MemoryBytes int64

	// MinFreeBytes is how much is to be left on the disk: with less the replica
	// should not lead, and events are refused when no majority has more. What is
	// below is for acks, deletions and changes of the configuration. Defaults to
	// 512 MiB.
	MinFreeBytes uint64
	// Clear is asked before the replica takes part, with what it has: to vote, to
	// take entries or to be sent any. It returns nil when it may, and an error,
	// which ends the replica, when it must not; ctx ends with the replica.
	// Defaults to always at once.
	Clear func(ctx context.Context, has Standing) error

	// FreeBytes says how much is free on the disk of a directory. Defaults to the
	// operating system.
	FreeBytes func(dir string) (uint64, error)
	// OnLevel is called with the level of commands that is used from here on, before
	// anything of it is applied; again after a restart. An error ends the replica.
	// It is called by one goroutine and holds up the partition. Defaults to nothing.
	OnLevel func(level uint32) error
	// OnDecided is called with each proposal of this replica that was applied, and its
	// result, before who proposed it has that; by several goroutines, and it must not
	// block. Defaults to nothing.
	OnDecided func(p *Proposal, r *state.Result)
	// FS is the file system of log and state. Defaults to the operating system's;
	// tests put in one that forgets or fails.
	FS vfs.FS
	// WallClock is the machine's clock, as it may be set wrongly. Defaults to
	// time.Now.
	WallClock func() time.Time
	// OpenEngine opens the state. Defaults to Pebble.
	OpenEngine func(dir string) (engine.Store, error)
	// OpenView opens a checkpoint of what OpenEngine opens. Defaults to Pebble.
	OpenView func(dir string) (engine.View, error)
	// LogFS is the log's file layer. Defaults to that on FS.
	LogFS raftlog.FS
	// Logger takes what happens. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics; wrap it with the partition's label. Defaults to
	// none.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() (Config, error) {
	if c.Net == nil {
		return c, fmt.Errorf("replica: Net is required")
	}
	return c.offline()
}

// offline is withDefaults for what is never connected to others.
func (c Config) offline() (Config, error) {
	if c.Dir == "" || c.ID == uuid.Nil {
		return c, fmt.Errorf("replica: Dir and ID are required")
	}
	orDefault(&c.HeartbeatTimeout, 500*time.Millisecond)
	orDefault(&c.MaxEntryBytes, 512<<10)
	orDefault(&c.MaxQueueBytes, 32<<20)
	orDefault(&c.SnapshotBytes, 128<<20)
	orDefault(&c.TrailingBytes, 64<<20)
	orDefault(&c.SnapshotEntries, 8192)
	orDefault(&c.WriteDeadline, raftlog.DefaultWriteDeadline)
	orDefault(&c.MemoryBytes, 128<<20)
	orDefault(&c.MinFreeBytes, 512<<20)
	if c.FreeBytes == nil {
		c.FreeBytes = func(dir string) (uint64, error) { return freeBytes(c.FS, dir) }
	}
	if c.Clear == nil {
		c.Clear = func(context.Context, Standing) error { return nil }
	}
	if c.OnDecided == nil {
		c.OnDecided = func(*Proposal, *state.Result) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FS != nil && c.LogFS == nil {
		c.LogFS = raftlog.NewVFS(c.FS)
	}
	if c.OpenEngine == nil {
		cfg := pebbledb.Config{MemoryBytes: c.MemoryBytes, FS: c.FS, Logger: c.Logger, Registerer: c.Registerer}
		c.OpenEngine = func(dir string) (engine.Store, error) {
			cfg.Dir = dir
			return pebbledb.Open(cfg)
		}
	}
	if c.OpenView == nil {
		c.OpenView = func(dir string) (engine.View, error) { return pebbledb.OpenView(pebbledb.Config{Dir: dir}) }
	}
	return c, nil
}

// freeBytes is how much room there is for this process on the disk of a directory. A
// file system that cannot tell counts as empty.
func freeBytes(fs vfs.FS, dir string) (uint64, error) {
	if fs == nil {
		fs = vfs.Default
	}
	usage, err := fs.GetDiskUsage(dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return math.MaxUint64, nil
	}
	return usage.AvailBytes, err
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
