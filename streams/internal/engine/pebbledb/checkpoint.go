package pebbledb

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Checkpoint flushes, and links the tables into dir: it writes little, whatever
// the size. Flushes go on meanwhile, so what the copy holds is read from it,
// which also shows that it opens.
func (s *Store) Checkpoint(ctx context.Context, dir string) (engine.Applied, error) {
	if err := s.gate.enter(); err != nil {
		return engine.Applied{}, err
	}
	defer s.gate.leave()
	if err := s.flush(ctx); err != nil {
		return engine.Applied{}, err
	}
	if err := s.db.Checkpoint(dir); err != nil {
		return engine.Applied{}, fmt.Errorf("pebbledb: checkpoint: %w", err)
	}
	applied, err := s.examine(dir)
	if err != nil {
		return applied, errors.Join(err, s.config.FS.RemoveAll(dir))
	}
	return applied, nil
}

// examine opens a copy for reading.
func (s *Store) examine(dir string) (engine.Applied, error) {
	c := s.config
	c.Dir, c.MemoryBytes = dir, minMemory
	db, err := openCopy(c, s.failure)
	if err != nil {
		return engine.Applied{}, err
	}
	state, err := readState(db)
	return state.Applied, errors.Join(err, db.Close())
}
