package mapdb

import (
	"bytes"
	"iter"

	"github.com/google/btree"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// tree is never changed once a view holds it: a batch changes a clone of its
// own, which shares what it did not touch.
type tree = btree.BTreeG[engine.Entry]

const degree = 32

func newTree() *tree {
	return btree.NewG(degree, func(a, b engine.Entry) bool { return bytes.Compare(a.Key, b.Key) < 0 })
}

// view is one moment.
type view struct {
	tree  *tree
	state chain.State
}

func (v view) get(key []byte, use func([]byte) error) (bool, error) {
	e, ok := v.tree.Get(engine.Entry{Key: key})
	if !ok {
		return false, nil
	}
	return true, use(e.Value)
}

func (v view) scan(lower, upper []byte, order engine.Order, yield func(engine.Entry) bool) {
	if order == engine.Descending {
		v.descend(lower, upper, yield)
		return
	}
	v.tree.AscendGreaterOrEqual(engine.Entry{Key: lower}, func(e engine.Entry) bool {
		return (upper == nil || bytes.Compare(e.Key, upper) < 0) && yield(e)
	})
}

func (v view) descend(lower, upper []byte, yield func(engine.Entry) bool) {
	down := func(e engine.Entry) bool {
		if upper != nil && bytes.Compare(e.Key, upper) >= 0 {
			return true
		}
		return bytes.Compare(e.Key, lower) >= 0 && yield(e)
	}
	if upper == nil {
		v.tree.Descend(down)
		return
	}
	v.tree.DescendLessOrEqual(engine.Entry{Key: upper}, down)
}

// scanOf turns a view that is taken when the loop begins into an iterator.
func scanOf(take func() (view, error), lower, upper []byte, order engine.Order) iter.Seq2[engine.Entry, error] {
	return func(yield func(engine.Entry, error) bool) {
		v, err := take()
		if err != nil {
			yield(engine.Entry{}, err)
			return
		}
		v.scan(lower, upper, order, func(e engine.Entry) bool { return yield(e, nil) })
	}
}
