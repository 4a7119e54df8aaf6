package pebbledb

import (
	"errors"
	"iter"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// snapshot is one of Pebble's, with the position that it sees. Its gate keeps
// Close from ending it under a reader.
type snapshot struct {
	store  *Store
	state  chain.State
	gate   *gate
	pebble *pebble.Snapshot
}

// Snapshot takes a view of this moment.
func (s *Store) Snapshot() (engine.Snapshot, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	p := s.db.NewSnapshot()
	state, err := readState(p)
	if err != nil {
		return nil, errors.Join(s.failure.reading(err), p.Close())
	}
	n := &snapshot{store: s, state: state, gate: newGate(), pebble: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots[n] = struct{}{}
	return n, nil
}

// closeSnapshots ends those that were left open, when nobody is inside the
// store any more.
func (s *Store) closeSnapshots() {
	s.mu.Lock()
	left := slices.Collect(maps.Keys(s.snapshots))
	s.mu.Unlock()
	for _, n := range left {
		_ = n.release() // it releases memory only
	}
}

// Get implements engine.Reader.
func (n *snapshot) Get(key []byte, use func(value []byte) error) (bool, error) {
	if err := n.gate.enter(); err != nil {
		return false, err
	}
	defer n.gate.leave()
	return n.store.get(n.pebble, key, use)
}

// Scan implements engine.Reader.
func (n *snapshot) Scan(lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	inner := n.store.scan(n.pebble, lower, upper, order)
	return func(yield func(engine.Entry, error) bool) {
		if err := n.gate.enter(); err != nil {
			yield(engine.Entry{}, err)
			return
		}
		defer n.gate.leave()
		inner(yield)
	}
}

// Applied implements engine.Reader.
func (n *snapshot) Applied() (engine.Applied, engine.Chain) {
	return n.state.Applied, n.state.Chain
}

// Close waits for reads under way. Where the store is closed, that has ended it.
func (n *snapshot) Close() error {
	if n.store.gate.enter() != nil {
		return nil
	}
	defer n.store.gate.leave()
	return n.release()
}

func (n *snapshot) release() error {
	if !n.gate.close() {
		return nil
	}
	<-n.gate.empty
	n.store.mu.Lock()
	delete(n.store.snapshots, n)
	n.store.mu.Unlock()
	return n.pebble.Close()
}
