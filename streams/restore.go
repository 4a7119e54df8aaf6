package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/atomicfile"
	"github.com/eventnode/eventnode/internal/backupfile"
	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/identity"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// A restored node begins a cluster of its own: with a UUID that no other has, so that
// no node of the old cluster is taken for one of it, as the only voter. Until the
// last step the directory has no identity, and no node starts on it.

// RestoreConfig says what to make of a backup.
type RestoreConfig struct {
	// Dir is the data directory of the durable plane, which must not be there or be
	// empty. Required.
	Dir string
	// Progress is called now and then, with what is being done ("checking",
	// "restoring", "verifying") and how many bytes of about how many are done.
	// Defaults to nothing.
	Progress func(what string, done, total uint64)
	// Logger takes what happens. Defaults to none.
	Logger *slog.Logger
}

// Restored is what Restore has made.
type Restored struct {
	// From is what the backup says of itself.
	From eventnode.BackupInfo
	// Cluster is the new cluster's UUID, and Replica that of its first replica.
	Cluster, Replica uuid.UUID
}

// CheckBackup reads a backup to its end, and returns what it says of itself and how
// many bytes it has. An error wraps backupfile.ErrDamaged or ErrFormat, or is that of
// the file.
func CheckBackup(ctx context.Context, file io.Reader, progress func(done, total uint64)) (eventnode.BackupInfo, uint64, error) {
	r, err := backupfile.NewReader(&watched{ctx: ctx, r: file})
	if err != nil {
		return eventnode.BackupInfo{}, 0, err
	}
	out := &counted{w: io.Discard, tell: func(n uint64) { progress(n, r.Info().Content) }}
	n, err := io.Copy(out, r)
	if err == nil && uint64(n) != r.Info().Content {
		err = fmt.Errorf("%w: it says that it holds %d bytes, and holds %d", backupfile.ErrDamaged, r.Info().Content, n)
	}
	return r.Info(), r.Size(), err
}

// Restore makes a data directory of a backup, after it has checked all of the file.
// A node that is started on it is the first of a new cluster, with everything that is
// in the backup. After an error the directory is of no use, and no node starts on it.
func Restore(ctx context.Context, cfg RestoreConfig, file io.ReadSeeker) (Restored, error) {
	if cfg.Dir == "" {
		return Restored{}, fmt.Errorf("streams: Dir is required: %w", eventnode.ErrInvalidArgument)
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string, uint64, uint64) {}
	}
	begin, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return Restored{}, fmt.Errorf("the backup: %w", err)
	}
	info, _, err := CheckBackup(ctx, file, func(done, total uint64) { cfg.Progress("checking", done, total) })
	if err != nil {
		return Restored{}, err
	}
	if info.Partition != partitionMeta {
		return Restored{}, fmt.Errorf("the backup is of partition %d, this version knows 1: use the one that wrote it, %s", info.Partition, info.Version)
	}
	if _, err := file.Seek(begin, io.SeekStart); err != nil {
		return Restored{}, fmt.Errorf("the backup: %w", err)
	}
	dir, err := identity.Begin(cfg.Dir)
	if err != nil {
		return Restored{}, err
	}
	done := Restored{From: info, Cluster: uuid.New(), Replica: dir.UUID()}
	level, err := fill(ctx, cfg, file, done)
	if err == nil {
		err = dir.Finish(level) // levels of commands are formats of directories
	}
	return done, errors.Join(err, dir.Close())
}

// fill writes all but the identity, and returns the level of the commands that are
// used.
func fill(ctx context.Context, cfg RestoreConfig, file io.Reader, done Restored) (level uint32, err error) {
	in, err := backupfile.NewReader(&watched{ctx: ctx, r: file})
	if err != nil {
		return 0, err
	}
	total := done.From.Content
	unpacked := &countedReader{r: in, tell: func(n uint64) { cfg.Progress("restoring", n, total) }}
	verified := &counted{w: io.Discard, tell: func(n uint64) { cfg.Progress("verifying", n, total) }}
	found, err := replica.Restore(replica.RestoreConfig{
		Dir: partitionDir(cfg.Dir), Cluster: done.Cluster, Partition: partitionMeta, ID: done.Replica,
		Logger: cfg.Logger, Step: func(bytes int) error {
			verified.add(bytes)
			return ctx.Err()
		},
	}, unpacked)
	if err != nil {
		return 0, fmt.Errorf("the state in the backup: %w", err)
	}
	if found.Streams != done.From.Streams || found.Events != done.From.Events {
		return 0, fmt.Errorf("the state in the backup has %d streams with %d events, and should have %d with %d: %w",
			found.Streams, found.Events, done.From.Streams, done.From.Events, backupfile.ErrDamaged)
	}
	if err := syncDirs(cfg.Dir); err != nil {
		return 0, err
	}
	// Without voters, as one who has joined: it never founds anything anew.
	return found.Level, forming.Store(cfg.Dir, forming.State{Stage: forming.Belongs, Founding: forming.Founding{Cluster: done.Cluster}})
}

// syncDirs makes the names in a data directory and its partition's durable.
func syncDirs(dir string) error {
	return errors.Join(atomicfile.SyncDir(partitionDir(dir)), atomicfile.SyncDir(dir))
}

// watched reads until ctx ends.
type watched struct {
	ctx context.Context //nolint:containedctx // of the one call
	r   io.Reader
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.r.Read(p)
}

// counted tells how much went through it.
type counted struct {
	w    io.Writer
	n    uint64
	tell func(n uint64)
}

func (c *counted) add(n int) {
	c.n += uint64(n)
	c.tell(c.n)
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.add(n)
	return n, err
}

// countedReader tells how much was read through it.
type countedReader struct {
	r    io.Reader
	n    uint64
	tell func(n uint64)
}

// Read implements io.Reader.
func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += uint64(n)
	c.tell(c.n)
	return n, err
}
