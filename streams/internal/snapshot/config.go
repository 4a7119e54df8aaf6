package snapshot

import (
	"errors"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// DefaultStreams is the default of Config.Streams.
const DefaultStreams = 2

// Config says where a store is and what it may use. Dir and Engine are needed.
type Config struct {
	// Dir holds the snapshot and the state, and nothing else. It is made if it is
	// missing. One process at a time opens it; the caller sees to that.
	Dir string
	// Engine returns the engine that is open in State, now, or nil if there is
	// none yet. It is called from any goroutine, and must not block.
	Engine func() engine.Store
	// Streams bounds how many snapshots are sent at once. Each keeps its files on
	// disk until it ends, and takes its share of the network. One more is ErrBusy,
	// is counted, and raft tries it again. Defaults to 2.
	Streams int
	// Reserve is how many bytes must stay free on the disk: a snapshot that would
	// leave less is refused before any of it is written. Room for the old state and
	// the new one is needed while one is received. Defaults to 0.
	Reserve int64
	// Logger takes the progress of transfers, and what happens at open. Defaults to
	// none.
	Logger *slog.Logger
	// Registerer takes the metrics; wrap it with labels where a node has several
	// replicas. They are taken back by Close. Defaults to none.
	Registerer prometheus.Registerer
	// FS is the file system, the engine's too. Defaults to that of the operating
	// system; tests put in one that forgets or fails.
	FS vfs.FS
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("snapshot: Config.Dir is required")
	}
	if c.Engine == nil {
		return c, errors.New("snapshot: Config.Engine is required")
	}
	if c.Streams < 0 || c.Reserve < 0 {
		return c, errors.New("snapshot: Config.Streams and Config.Reserve cannot be negative")
	}
	if c.Streams == 0 {
		c.Streams = DefaultStreams
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	return c, nil
}
