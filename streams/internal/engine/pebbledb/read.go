package pebbledb

import (
	"bytes"
	"errors"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// bounds keeps a scan away from the engine's own keys.
func bounds(lower, upper []byte) ([]byte, []byte) {
	if len(lower) == 0 || lower[0] < engine.MinKey {
		lower = []byte{engine.MinKey}
	}
	if upper == nil || (len(upper) > 0 && upper[0] > engine.MaxKey) {
		upper = []byte{engine.MaxKey + 1}
	}
	return lower, upper
}

func reserved(key []byte) bool {
	return len(key) == 0 || key[0] < engine.MinKey || key[0] > engine.MaxKey
}

// get is Get of the store, a batch or a snapshot. The value lies in a block or
// a memtable that is held while use runs.
func (s *Store) get(r pebble.Reader, key []byte, use func([]byte) error) (bool, error) {
	if err := s.gate.enter(); err != nil {
		return false, err
	}
	defer s.gate.leave()
	if reserved(key) {
		return false, nil
	}
	at := s.reads.start()
	value, closer, err := r.Get(key)
	s.reads.stop(at)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, s.failure.reading(err)
	}
	defer func() { _ = closer.Close() }() // it releases the value, which was read
	return true, use(value)
}

// scan is Scan of the store, a batch or a snapshot.
func (s *Store) scan(r pebble.Reader, lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	lower, upper = bounds(lower, upper)
	return func(yield func(engine.Entry, error) bool) {
		err := s.gate.enter()
		if err == nil {
			defer s.gate.leave()
			if bytes.Compare(lower, upper) >= 0 {
				return
			}
			err = s.iterate(r, lower, upper, order, yield)
		}
		if err != nil {
			yield(engine.Entry{}, err)
		}
	}
}

// iterate returns an error that is still to be yielded.
func (s *Store) iterate(r pebble.Reader, lower, upper []byte, order engine.Order, yield func(engine.Entry, error) bool) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return s.failure.reading(err)
	}
	defer func() { _ = it.Close() }() // its error is Error's
	start, next := it.First, it.Next
	if order == engine.Descending {
		start, next = it.Last, it.Prev
	}
	for step := start; ; step = next {
		at := s.reads.start()
		ok := step()
		var value []byte
		err := it.Error()
		if ok {
			value, err = it.ValueAndErr()
		}
		s.reads.stop(at)
		if err != nil || !ok {
			return s.failure.reading(err)
		}
		if !yield(engine.Entry{Key: it.Key(), Value: value}, nil) {
			return nil
		}
	}
}
