package pebbledb

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// maxKept bounds the room that a new batch begins with.
const maxKept = 2 << 20

// commit makes a batch visible. It is not on disk then.
func (s *Store) commit(b *batch) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	if err := s.wait(); err != nil {
		return err
	}
	if now := *s.state.Load(); now != b.base {
		return fmt.Errorf("%w: the batch began at %d, the store is at %d", engine.ErrOrder, b.base.Index, now.Index)
	}
	state := b.tail.State()
	if err := b.pebble.Set([]byte{stateKey}, state.Append(nil), nil); err != nil {
		return fmt.Errorf("pebbledb: write: %w", err)
	}
	size := b.pebble.Len()
	if err := s.db.Apply(b.pebble, pebble.NoSync); err != nil {
		return fmt.Errorf("pebbledb: commit: %w", err)
	}
	s.batch = min(size+size/8, maxKept)
	s.pressure.total += int64(size)
	s.state.Store(&state)
	return s.failure.get()
}

// wait returns when there is room for a batch: memory is bounded by what is not
// durable, and the tables of level 0 by what reads can bear.
func (s *Store) wait() error {
	if !s.pressure.due(s.state.Load().Index) {
		return s.failure.get()
	}
	s.look() // the answer is for the next time
	for {
		next := s.pressure.next()
		durable, err := s.durable()
		if err != nil {
			return err
		}
		if !s.pressure.behind(durable) && s.latest().Levels[0].Sublevels < maxSublevels {
			return s.failure.get()
		}
		s.metrics.waits.Add(1)
		s.compact() // or nothing would end that is waited for
		if err := s.await(next); err != nil {
			return err
		}
		if err := s.await(s.look()); err != nil {
			return err
		}
	}
}

// compact has a compaction begin, if there is one to run. Pebble looks for one with
// locks that it may hold while the disk hangs, so nobody waits for that, except Close.
func (s *Store) compact() {
	if !s.asking.CompareAndSwap(false, true) {
		return
	}
	if s.gate.enter() != nil {
		return
	}
	go func() {
		defer s.gate.leave()
		s.compactions.ask()
		s.asking.Store(false)
	}()
}

// await waits for done, and for the end of the store.
func (s *Store) await(done <-chan struct{}) error {
	select {
	case <-done:
		return s.failure.get()
	case <-s.failure.done:
		return s.failure.get()
	case <-s.gate.closing:
		return engine.ErrClosed
	}
}
