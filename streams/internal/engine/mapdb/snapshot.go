package mapdb

import (
	"iter"
	"sync/atomic"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// snapshot is a view that ends with itself or with its store.
type snapshot struct {
	store  *Store
	view   view
	closed atomic.Bool
}

func (s *snapshot) take() (view, error) {
	if _, err := s.store.view(); err != nil || s.closed.Load() {
		return view{}, engine.ErrClosed
	}
	return s.view, nil
}

// Get implements engine.Reader.
func (s *snapshot) Get(key []byte, use func(value []byte) error) (bool, error) {
	v, err := s.take()
	if err != nil {
		return false, err
	}
	return v.get(key, use)
}

// Scan implements engine.Reader.
func (s *snapshot) Scan(lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	return scanOf(s.take, lower, upper, order)
}

// Applied implements engine.Reader.
func (s *snapshot) Applied() (engine.Applied, engine.Chain) {
	return s.view.state.Applied, s.view.state.Chain
}

// Close implements engine.Snapshot. It may be called again.
func (s *snapshot) Close() error {
	s.closed.Store(true)
	return nil
}
