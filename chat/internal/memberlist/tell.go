package memberlist

import (
	"encoding/binary"
	"slices"
)

// Each change of the list is a few steps, and a step takes an item out at one index, puts
// one in at another, or both. What is between the two moves by one place, the rest stays.
//
// An item that is new comes from behind the end, and one that goes away goes there: so
// all three are the same, a move. A run of places that a client has sees of it what is
// inside: something leaves at the place which is nearest to where the item was, and
// something enters at the one nearest to where it is. The run is as long as before, so
// nothing behind it moves; where the list ends within it, it is as long as the list.
//
//	a list of 9, 5 leaves           0 1 2 3 4 5 6 7 8      from 5, to 8
//	a client with [1,3] and [6,7]     1 2 3     6 7        nothing, and DELETE 6, INSERT 7
//	                                  1 2 3     7 8

// tell notes a step for those who see it. The item list is as it was after the step; size
// is how long it was before. The indexes are from before and from after.
func (l *List) tell(from, to, size int) {
	first, last := min(from, to), max(from, to)
	for _, v := range l.viewers.all {
		// First what leaves, from behind, so that no index depends on another run: who
		// moves from run to run is never there twice.
		for _, r := range slices.Backward(v.runs) {
			if i := r.clamp(from); i < size && r.sees(first, last) {
				l.viewers.note(v, Op{Kind: Delete, Index: i})
			}
		}
		for _, r := range v.runs {
			if i := r.clamp(to); i < l.items.len() && r.sees(first, last) {
				l.viewers.note(v, l.entering(r, i, size))
			}
		}
	}
}

func (r Range) sees(first, last int) bool { return r.First <= last && first <= r.Last }

// entering is the op for what has come into a run. A client need not know how long the
// list is between its runs: so the first item of a run that had none is not inserted
// behind something, but the run begins.
func (l *List) entering(r Range, i, size int) Op {
	item := l.items.at(i).item
	if r.First >= size {
		return Op{Kind: Sync, Range: r, Items: []*Item{item}}
	}
	return Op{Kind: Insert, Index: i, Item: item}
}

// update notes that an item is another one in the same place.
func (l *List) update(n *node) {
	i := n.index()
	for _, v := range l.viewers.all {
		if v.has(i) {
			l.viewers.note(v, Op{Kind: Update, Index: i, Item: n.item})
		}
	}
}

// sync is the op with all that a range has.
func (l *List) sync(r Range) Op {
	items := []*Item{} // [] in JSON
	for n := range l.items.within(r) {
		items = append(items, n.item)
	}
	return Op{Kind: Sync, Range: r, Items: items}
}

// syncAll is all ranges of everybody.
func (l *List) syncAll() (out []Change) {
	for _, v := range l.viewers.all {
		out = append(out, l.change(l.syncs(nil, v.ranges), v.sessions))
	}
	return out
}

func (l *List) syncs(ops []Op, ranges []Range) []Op {
	for _, r := range ranges {
		ops = append(ops, l.sync(r))
	}
	return ops
}

// note adds an op to what a view is told. The trace says what it does, and where. In one
// change those with equal traces have equal ops: whoever has an index sees the same steps
// there, and they bring the same items.
func (w *viewers) note(v *view, o Op) {
	if len(v.ops) == 0 {
		w.noted = append(w.noted, v)
	}
	v.ops = append(v.ops, o)
	v.trace = append(v.trace, o.Kind[0])
	for _, n := range []int{o.Index, o.Range.First, o.Range.Last} {
		v.trace = binary.AppendUvarint(v.trace, uint64(n))
	}
}

// told is what was noted since the last time, each once.
func (l *List) told() (out []Change) {
	w := &l.viewers
	for _, v := range w.noted {
		if i, same := w.traced[string(v.trace)]; same {
			out[i].to = append(out[i].to, v.sessions)
			clear(v.ops)
			v.ops = v.ops[:0] // nobody has it: memory for the next time
		} else {
			w.traced[string(v.trace)] = len(out)
			out = append(out, l.change(v.ops, v.sessions))
			v.ops = nil
		}
		v.trace = v.trace[:0]
	}
	clear(w.noted)
	clear(w.traced)
	w.noted = w.noted[:0]
	return out
}
