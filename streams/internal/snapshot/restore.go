package snapshot

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Restore makes the directory of a store, which must not be there or be empty, of a
// stream. Before the state counts, prepare opens the engine in the directory that it
// is given, changes what has to be, flushes, closes it, and says what it holds then.
// The snapshot is of that entry, with these servers. Config.Engine is not used.
//
// After an error the directory is of no use. It counts with the last write only, so
// after a crash Open finds nothing, or all.
func Restore(c Config, source io.Reader, servers raft.Configuration, prepare func(dir string, sent engine.Applied) (engine.Applied, error)) error {
	c.Engine = func() engine.Store { return nil }
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	s := &Store{config: c}
	if err := c.FS.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("snapshot: restore: %w", err)
	}
	names, err := c.FS.List(c.Dir)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%s is not empty", c.Dir)
	}
	if err != nil {
		return fmt.Errorf("snapshot: restore: %w", err)
	}
	m := meta{Number: 1, State: 1}
	dir := s.path(numbered(statePrefix, m.State))
	sent, err := s.unpack(source, dir)
	if err != nil {
		return fmt.Errorf("snapshot: restore: %w", err)
	}
	applied, err := prepare(dir, sent)
	if err != nil {
		return fmt.Errorf("snapshot: restore: %w", err)
	}
	m.Snapshot = &record{
		ID: fmt.Sprintf("%d-%d-%d", applied.Term, applied.Index, m.Number), Index: applied.Index, Term: applied.Term,
		ConfigurationIndex: applied.Index, Servers: serversOf(servers), Floor: position(applied),
	}
	if err := s.write(m); err != nil {
		return fmt.Errorf("snapshot: restore: %w", err)
	}
	return syncDir(c.FS, c.FS.PathDir(c.Dir))
}

// unpack makes a directory of a stream, durably, and says what it holds.
func (s *Store) unpack(source io.Reader, dir string) (engine.Applied, error) {
	fs := s.config.FS
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return engine.Applied{}, err
	}
	u := newUnpacker(fs, dir, s.hasRoom)
	if _, err := io.Copy(u, source); err != nil {
		return engine.Applied{}, errors.Join(err, u.Close())
	}
	if err := errors.Join(u.Finish(), syncDir(fs, dir), syncDir(fs, s.config.Dir)); err != nil {
		return engine.Applied{}, err
	}
	return u.head.applied, nil
}

// hasRoom refuses what the disk cannot take.
func (s *Store) hasRoom(h head) error {
	usage, err := s.config.FS.GetDiskUsage(s.config.Dir)
	free := usage.AvailBytes
	if err == nil && (free < h.length || free-h.length < uint64(s.config.Reserve)) { // not every file system can say
		return fmt.Errorf("%w: %d bytes are free, %d are to come, and %d must be left", ErrNoRoom, free, h.length, s.config.Reserve)
	}
	return nil
}
