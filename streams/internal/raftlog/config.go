package raftlog

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The defaults of Config.
const (
	DefaultSegmentBytes  = 64 << 20
	DefaultWriteDeadline = 5 * time.Second
	DefaultCacheBytes    = 16 << 20
)

// Config says where a log is and how it behaves. Only Dir is needed.
type Config struct {
	// Dir holds the log's files, and nothing else. It is made if it is missing.
	Dir string

	// SegmentBytes is the size of a file, allocated when it is begun. Space is
	// given back a file at a time. At least 64 KiB, at most 1 GiB. Defaults to
	// 64 MiB.
	SegmentBytes int

	// WriteDeadline is how long a write may take. Longer, and a leader with a
	// hanging disk blocks its partition for longer, as it goes on sending
	// heartbeats. Shorter, and a disk that is merely busy costs a restart of
	// the replica, on all nodes at once if they share it. Defaults to 5 s:
	// above what a busy disk takes to write back its cache (1-3 s), below what
	// callers wait for an answer (10 s), with room for an election in between.
	WriteDeadline time.Duration

	// CacheBytes bounds the memory for the latest entries, which is where
	// followers that are a little behind are served from. Defaults to 16 MiB;
	// negative turns the cache off.
	CacheBytes int

	// Logger takes what happens at open, and failures. Defaults to none.
	Logger *slog.Logger

	// Registerer takes the metrics. Defaults to none. Wrap it with labels where
	// a process has several logs.
	Registerer prometheus.Registerer

	// FS is the file layer, for tests that make it fail. Defaults to the
	// operating system's.
	FS FS
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("raftlog: Dir is missing")
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = DefaultSegmentBytes
	}
	if c.SegmentBytes < 64<<10 || c.SegmentBytes > 1<<30 {
		return c, fmt.Errorf("raftlog: SegmentBytes is %d, must be between 64 KiB and 1 GiB", c.SegmentBytes)
	}
	if c.WriteDeadline == 0 {
		c.WriteDeadline = DefaultWriteDeadline
	}
	if c.WriteDeadline < 0 {
		c.WriteDeadline = math.MaxInt64
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = DefaultCacheBytes
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FS == nil {
		c.FS = NewFS()
	}
	return c, nil
}
