package memberlist

import (
	"cmp"
	"encoding/binary"
	"iter"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode/sessions"
)

// tree is the item list: a treap (Seidel and Aragon, 1996) in which each node knows how
// many are below it. So an item is found by its index, and the index of an item by going
// up, in O(log n). The priorities are hashes of ids: equal lists have equal trees.
type tree struct{ root *node }

// node is one item: a group's header or a member.
type node struct {
	left, right, up *node
	size            int // of what is below, with itself
	priority        uint64

	group  *group
	header bool
	name   string // what it is sorted by
	user   sessions.Snowflake
	item   *Item
}

// compare is the order of the list. No two of its items are equal.
func (n *node) compare(o *node) int {
	switch {
	case n.group != o.group:
		return cmp.Compare(n.group.rank, o.group.rank)
	case n.header:
		return -1
	case o.header:
		return 1
	default:
		return cmp.Or(cmp.Compare(n.name, o.name), cmp.Compare(n.user, o.user))
	}
}

func (n *node) len() int {
	if n == nil {
		return 0
	}
	return n.size
}

// join hangs two trees below a node.
func (n *node) join(left, right *node) *node {
	n.left, n.right, n.size = left, right, 1+left.len()+right.len()
	if left != nil {
		left.up = n
	}
	if right != nil {
		right.up = n
	}
	return n
}

// merge makes one tree of two; all of the first one comes first.
func merge(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		return a.join(a.left, merge(a.right, b))
	default:
		return b.join(merge(a, b.left), b.right)
	}
}

// split makes two trees of one: the first i items, and the others.
func split(n *node, i int) (a, b *node) {
	if n == nil {
		return nil, nil
	}
	if left := n.left.len(); i <= left {
		a, b = split(n.left, i)
		return a, n.join(b, n.right)
	}
	a, b = split(n.right, i-n.left.len()-1)
	return n.join(n.left, a), b
}

func (t *tree) len() int { return t.root.len() }

func (t *tree) plant(root *node) {
	if t.root = root; root != nil {
		root.up = nil
	}
}

// append adds an item behind all others.
func (t *tree) append(n *node) { t.plant(merge(t.root, n.join(nil, nil))) }

// insert adds an item where the order has it, and says where that is.
func (t *tree) insert(n *node) int {
	i := t.place(n)
	a, b := split(t.root, i)
	t.plant(merge(merge(a, n.join(nil, nil)), b))
	return i
}

// place is how many items come before one that is not in the tree.
func (t *tree) place(n *node) (i int) {
	for at := t.root; at != nil; {
		if at.compare(n) < 0 {
			i += at.left.len() + 1
			at = at.right
		} else {
			at = at.left
		}
	}
	return i
}

// remove takes an item out, and says where it was.
func (t *tree) remove(n *node) int {
	i, below, up := n.index(), merge(n.left, n.right), n.up
	switch {
	case up == nil:
		t.plant(below)
		return i
	case up.left == n:
		up.left = below
	default:
		up.right = below
	}
	if below != nil {
		below.up = up
	}
	for ; up != nil; up = up.up {
		up.size--
	}
	return i
}

// index is how many items come before this one, by their number.
func (n *node) index() int {
	i := n.left.len()
	for ; n.up != nil; n = n.up {
		if n.up.right == n {
			i += n.up.left.len() + 1
		}
	}
	return i
}

// at is the item with an index, which there is.
func (t *tree) at(i int) *node {
	n := t.root
	for {
		left := n.left.len()
		switch {
		case i < left:
			n = n.left
		case i == left:
			return n
		default:
			n, i = n.right, i-left-1
		}
	}
}

// next is the item behind this one, or nil.
func (n *node) next() *node {
	if n.right != nil {
		for n = n.right; n.left != nil; n = n.left {
		}
		return n
	}
	for n.up != nil && n.up.right == n {
		n = n.up
	}
	return n.up
}

// within is the items of a range, as far as there are any.
func (t *tree) within(r Range) iter.Seq[*node] {
	return func(yield func(*node) bool) {
		if r.First >= t.len() {
			return
		}
		n := t.at(r.First)
		for i := r.First; i <= r.Last && n != nil && yield(n); i++ {
			n = n.next()
		}
	}
}

func priority(user sessions.Snowflake) uint64 {
	return xxhash.Sum64(binary.LittleEndian.AppendUint64(nil, uint64(user)))
}
