package raftlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
)

var (
	_ raft.LogStore          = (*Log)(nil)
	_ raft.StableStore       = (*Log)(nil)
	_ raft.MonotonicLogStore = (*Log)(nil)
)

// Log is the log and the stable store of one Raft replica.
type Log struct {
	cfg     Config
	logger  *slog.Logger
	life    *life
	codec   *codec
	meta    *meta
	filer   *filer
	wal     *wal.WAL
	cache   *cache
	ahead   *ahead
	sizes   *sizes
	metrics *metrics
	lock    io.Closer

	turn    chan struct{} // holds one token: that of the goroutine that writes
	durable atomic.Uint64
	opened  time.Time
	since   atomic.Int64 // when the write under way began, in ns since opened; 0: none is

	closing sync.Once
	closed  chan struct{}
	// closeErr may be read after closed is closed.
	closeErr error
}

// Open checks all that is in the directory, and opens it. It returns
// ErrDamaged, ErrLocked, or why the files cannot be read.
func Open(cfg Config) (*Log, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := cfg.FS.MakeDir(cfg.Dir); err != nil {
		return nil, err
	}
	lock, err := cfg.FS.Lock(cfg.Dir, lockName)
	if err != nil {
		return nil, err
	}
	l := &Log{
		cfg: cfg, logger: cfg.Logger, lock: lock, life: newLife(), codec: &codec{},
		cache: newCache(cfg.CacheBytes), ahead: newAhead(), sizes: &sizes{}, closed: make(chan struct{}),
		turn: make(chan struct{}, 1), opened: time.Now(),
	}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return l, nil
}

func (l *Log) open() error {
	fs := guard{FS: l.cfg.FS, failed: func(err error) { l.life.fail(fmt.Errorf("log write: %w", err)) }}
	start := time.Now()
	found, err := (&checker{fs: fs, dir: l.cfg.Dir, logger: l.logger, sizes: l.sizes}).check()
	if err != nil {
		return err
	}
	l.filer = &filer{
		Filer: segment.NewFiler(l.cfg.Dir, fs), fs: fs, dir: l.cfg.Dir,
		logger: l.logger, unindexed: found.unindexed, life: l.life,
	}
	l.meta = &meta{fs: fs, dir: l.cfg.Dir, end: l.durable.Load, failed: l.filer.finished, now: found.meta}
	l.durable.Store(found.last)
	if l.metrics, err = newMetrics(l.cfg.Registerer); err != nil {
		return err
	}
	l.wal, err = wal.Open(l.cfg.Dir,
		wal.WithMetaStore(l.meta), wal.WithSegmentFiler(l.filer), wal.WithCodec(l.codec),
		wal.WithSegmentSize(l.cfg.SegmentBytes), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		l.metrics.unregister()
		return err
	}
	if err := l.agree(found); err != nil {
		l.metrics.unregister()
		return errors.Join(err, l.wal.Close())
	}
	l.logger.Info("log opened", "dir", l.cfg.Dir, "first", found.first, "last", found.last,
		"bytes", found.bytes, "took", time.Since(start))
	return nil
}

// agree makes sure that raft-wal sees what was checked, and no more.
func (l *Log) agree(found checked) error {
	first, err1 := l.wal.FirstIndex()
	last, err2 := l.wal.LastIndex()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if first == found.first && last == found.last {
		return nil
	}
	return &DamageError{Index: last, Where: l.cfg.Dir, Reason: fmt.Sprintf(
		"opened from %d to %d, but checked from %d to %d", first, last, found.first, found.last)}
}

// Dead is closed when the log takes no more writes because one failed or was
// late, or because damage was read. The owner shuts the replica down.
func (l *Log) Dead() <-chan struct{} { return l.life.dead }

// Err says why the log is dead; nil if it is not.
func (l *Log) Err() error { return l.life.failure() }

// Writing returns for how long the write that is under way has been, 0 if none is.
func (l *Log) Writing() time.Duration {
	since := l.since.Load()
	if since == 0 {
		return 0
	}
	return time.Since(l.opened) - time.Duration(since)
}

// Settled is closed when the log is dead and no write is under way any more, so
// that Close gets through, and Open may follow it.
func (l *Log) Settled() <-chan struct{} { return l.life.settled }

// Close releases the files. It waits for a write that is under way, at most
// WriteDeadline, and not at all for one that was late: then it returns ErrStuck,
// and is to be called again when Settled is closed. The log may be opened again
// unless Close returned ErrStuck.
func (l *Log) Close() error {
	l.closing.Do(func() {
		// What fails here is kept by life, or the log is dead already.
		_ = l.settle()
		_ = l.write("close", func() error { l.filer.settle(); return l.meta.saveEnd() })
		l.life.close()
		go l.release()
	})
	if l.life.stuck() {
		return ErrStuck
	}
	timer := time.NewTimer(l.cfg.WriteDeadline)
	defer timer.Stop()
	select {
	case <-l.closed:
		return l.closeErr
	case <-timer.C:
		return ErrStuck
	}
}

func (l *Log) release() {
	<-l.life.idle
	l.metrics.unregister()
	l.closeErr = errors.Join(l.wal.Close(), l.lock.Close())
	close(l.closed)
}
