package pebbledb

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// maxBatch is far above what the owner puts into one, and far below where
// Pebble gives up.
const maxBatch = 1 << 30

// batch is an indexed batch of Pebble's, which sees its own writes.
type batch struct {
	store  *Store
	base   chain.State
	tail   *chain.Tail
	pebble *pebble.Batch // nil when used up
}

// NewBatch begins a batch with room for one as large as those of late: growing
// costs a copy each time it doubles.
func (s *Store) NewBatch() engine.Batch {
	base := *s.state.Load()
	b := &batch{store: s, base: base, tail: chain.NewTail(base)}
	if s.gate.enter() == nil {
		defer s.gate.leave()
		b.pebble = s.db.NewIndexedBatchWithSize(s.batch)
	}
	return b
}

// Get implements engine.Reader.
func (b *batch) Get(key []byte, use func(value []byte) error) (bool, error) {
	if b.pebble == nil {
		return false, engine.ErrClosed
	}
	return b.store.get(b.pebble, key, use)
}

// Scan implements engine.Reader.
func (b *batch) Scan(lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	if b.pebble == nil {
		return func(yield func(engine.Entry, error) bool) { yield(engine.Entry{}, engine.ErrClosed) }
	}
	return b.store.scan(b.pebble, lower, upper, order)
}

// Applied implements engine.Reader.
func (b *batch) Applied() (engine.Applied, engine.Chain) {
	return b.tail.State().Applied, b.tail.State().Chain
}

// Set implements engine.Batch. The parts are copied straight into Pebble's batch.
func (b *batch) Set(key []byte, value ...[]byte) {
	size := 0
	for _, part := range value {
		size += len(part)
	}
	if !b.room(len(key)+size) || !b.tail.Set(key, value) {
		return
	}
	op := b.pebble.SetDeferred(len(key), size)
	copy(op.Key, key)
	at := op.Value
	for _, part := range value {
		at = at[copy(at, part):]
	}
	b.failed(op.Finish())
	b.store.series.note(key, size)
}

// Delete implements engine.Batch. A batch that is used up or failed ignores it.
func (b *batch) Delete(key []byte) {
	if b.room(len(key)) && b.tail.Delete(key) {
		b.failed(b.pebble.Delete(key, nil))
	}
}

// DeleteRange implements engine.Batch. An empty range goes into the chain only.
func (b *batch) DeleteRange(lower, upper []byte) {
	if !b.room(len(lower)+len(upper)) || !b.tail.DeleteRange(lower, upper) {
		return
	}
	if bytes.Compare(lower, upper) < 0 {
		b.failed(b.pebble.DeleteRange(lower, upper, nil))
	}
}

// room reports whether n more bytes may be written.
func (b *batch) room(n int) bool {
	if b.pebble != nil && b.pebble.Len()+n > maxBatch {
		b.tail.Fail(fmt.Errorf("%w: over %d bytes", engine.ErrTooLarge, maxBatch))
	}
	return b.pebble != nil && b.tail.Err() == nil
}

func (b *batch) failed(err error) {
	if err != nil {
		b.tail.Fail(fmt.Errorf("pebbledb: write: %w", err))
	}
}

// Size implements engine.Batch: the length of Pebble's encoding.
func (b *batch) Size() int {
	if b.pebble == nil {
		return 0
	}
	return b.pebble.Len()
}

// Seal implements engine.Batch.
func (b *batch) Seal(entry engine.Applied) { b.tail.Seal(entry) }

// Commit implements engine.Batch.
func (b *batch) Commit(last engine.Applied) error {
	if b.pebble == nil {
		return engine.ErrClosed
	}
	defer b.Close()
	b.tail.Finish(last)
	if err := b.tail.Err(); err != nil {
		return err
	}
	return b.store.commit(b)
}

// Close implements engine.Batch.
func (b *batch) Close() {
	if b.pebble != nil {
		_ = b.pebble.Close() // nothing is left to fail
		b.pebble = nil
	}
}
