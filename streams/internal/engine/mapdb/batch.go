package mapdb

import (
	"fmt"
	"iter"
	"slices"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// batch writes to a clone of the store's tree, which becomes the store's.
type batch struct {
	store *Store
	base  chain.State
	tree  *tree
	tail  *chain.Tail
	size  int
	done  bool
}

func (b *batch) view() (view, error) {
	if b.done {
		return view{}, engine.ErrClosed
	}
	return view{tree: b.tree, state: b.tail.State()}, nil
}

// frozen is the view of a scan: writes inside its loop do not show in it.
func (b *batch) frozen() (view, error) {
	v, err := b.view()
	if err == nil {
		v.tree = v.tree.Clone()
	}
	return v, err
}

// Get implements engine.Reader.
func (b *batch) Get(key []byte, use func(value []byte) error) (bool, error) {
	v, err := b.view()
	if err != nil {
		return false, err
	}
	return v.get(key, use)
}

// Scan implements engine.Reader. It sees a clone of the tree.
func (b *batch) Scan(lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	return scanOf(b.frozen, lower, upper, order)
}

// Applied implements engine.Reader.
func (b *batch) Applied() (engine.Applied, engine.Chain) {
	return b.tail.State().Applied, b.tail.State().Chain
}

// Set implements engine.Batch. A batch that is used up or failed ignores it.
func (b *batch) Set(key []byte, value ...[]byte) {
	if b.done || !b.tail.Set(key, value) {
		return
	}
	e := engine.Entry{Key: slices.Clone(key), Value: slices.Concat(value...)}
	b.tree.ReplaceOrInsert(e)
	b.size += len(e.Key) + len(e.Value)
}

// Delete implements engine.Batch. A batch that is used up or failed ignores it.
func (b *batch) Delete(key []byte) {
	if b.done || !b.tail.Delete(key) {
		return
	}
	b.tree.Delete(engine.Entry{Key: key})
	b.size += len(key)
}

// DeleteRange implements engine.Batch. Other than a real engine's, it costs what
// lies in the range.
func (b *batch) DeleteRange(lower, upper []byte) {
	if b.done || !b.tail.DeleteRange(lower, upper) {
		return
	}
	b.size += len(lower) + len(upper)
	var gone []engine.Entry
	view{tree: b.tree}.scan(lower, upper, engine.Ascending, func(e engine.Entry) bool {
		gone = append(gone, e)
		return true
	})
	for _, e := range gone {
		b.tree.Delete(e)
	}
}

// Size implements engine.Batch: the bytes of all keys and values so far.
func (b *batch) Size() int { return b.size }

// Seal implements engine.Batch.
func (b *batch) Seal(entry engine.Applied) { b.tail.Seal(entry) }

// Commit implements engine.Batch.
func (b *batch) Commit(last engine.Applied) error {
	if b.done {
		return engine.ErrClosed
	}
	defer b.Close()
	b.tail.Finish(last)
	if err := b.tail.Err(); err != nil {
		return err
	}
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return engine.ErrClosed
	}
	if s.now.state != b.base {
		return fmt.Errorf("%w: the batch began at %d, the store is at %d", engine.ErrOrder, b.base.Index, s.now.state.Index)
	}
	s.now = view{tree: b.tree, state: b.tail.State()}
	return nil
}

// Close implements engine.Batch.
func (b *batch) Close() { b.done = true }
