package pebbledb

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// Config says where a store is and what it may use.
type Config struct {
	// Dir is the directory of the store; it is made if it is missing. Required.
	Dir string
	// MemoryBytes bounds the cache of blocks and the memtables, together. A
	// memtable is a quarter of it, at most 32 MiB, and three may wait for the disk:
	// larger ones are rewritten less often, and Flush takes longer. Compactions,
	// open files and the batch come on top: with the default, the process of the
	// benchmarks peaked at 197 MiB. Defaults to 128 MiB, and is at least 4 MiB.
	MemoryBytes int64
	// Logger takes what the store has to say. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics; wrap it with labels where a node has several
	// stores. They are taken back by Close. Defaults to none.
	Registerer prometheus.Registerer
	// FS is the file system. Defaults to that of the operating system; tests put
	// in one that forgets or fails.
	FS vfs.FS
}

const (
	defaultMemory = 128 << 20
	minMemory     = 4 << 20
)

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, fmt.Errorf("pebbledb: Config.Dir is required")
	}
	if c.MemoryBytes == 0 {
		c.MemoryBytes = defaultMemory
	}
	if c.MemoryBytes < minMemory {
		return c, fmt.Errorf("pebbledb: Config.MemoryBytes is %d, it must be at least %d", c.MemoryBytes, minMemory)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	return c, nil
}
