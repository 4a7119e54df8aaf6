package mapdb

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// Store is the engine in memory.
type Store struct {
	mu      sync.Mutex
	now     view
	flushed view
	closed  bool
	failed  chan struct{}
}

var _ engine.Store = (*Store)(nil)

// Open returns the store of a checkpoint in dir, or an empty one if there is
// none, or dir is "". Nothing is written to dir later.
func Open(dir string) (*Store, error) {
	v, err := load(dir)
	if err != nil {
		return nil, err
	}
	return open(v), nil
}

func open(v view) *Store {
	return &Store{now: v, flushed: v, failed: make(chan struct{})}
}

// Crash ends the store and returns it as it was at the last Flush.
func (s *Store) Crash() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return open(s.flushed)
}

func (s *Store) view() (view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return view{}, engine.ErrClosed
	}
	return s.now, nil
}

// Get reads from what was committed last.
func (s *Store) Get(key []byte, use func(value []byte) error) (bool, error) {
	v, err := s.view()
	if err != nil {
		return false, err
	}
	return v.get(key, use)
}

// Scan reads from what was committed when the loop begins.
func (s *Store) Scan(lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	return scanOf(s.view, lower, upper, order)
}

// Applied is the entry that was committed last.
func (s *Store) Applied() (engine.Applied, engine.Chain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.state.Applied, s.now.state.Chain
}

// NewBatch begins a batch on a clone.
func (s *Store) NewBatch() engine.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &batch{store: s, base: s.now.state, tree: s.now.tree.Clone(), tail: chain.NewTail(s.now.state)}
}

// Snapshot takes a view, which costs nothing.
func (s *Store) Snapshot() (engine.Snapshot, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	return &snapshot{store: s, view: v}, nil
}

// Flush remembers this moment for Crash.
func (s *Store) Flush(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return s.Durable(), err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.flushed.state.Index, engine.ErrClosed
	}
	s.flushed = s.now
	return s.flushed.state.Index, nil
}

// Durable is the index of the last Flush.
func (s *Store) Durable() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flushed.state.Index
}

// Checkpoint writes the content to one file in dir. It counts as a flush, as
// everywhere.
func (s *Store) Checkpoint(ctx context.Context, dir string) (engine.Applied, error) {
	if _, err := s.Flush(ctx); err != nil {
		return engine.Applied{}, err
	}
	v, err := s.view()
	if err != nil {
		return engine.Applied{}, err
	}
	return v.state.Applied, save(dir, v)
}

// Size is the bytes of all keys and values.
func (s *Store) Size() int64 {
	v, err := s.view()
	if err != nil {
		return 0
	}
	var n int64
	v.tree.Ascend(func(e engine.Entry) bool {
		n += int64(len(e.Key) + len(e.Value))
		return true
	})
	return n
}

// Failed is never closed.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err is always nil.
func (s *Store) Err() error { return nil }

// Reading is never long.
func (s *Store) Reading() time.Duration { return 0 }

// Close ends the store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
