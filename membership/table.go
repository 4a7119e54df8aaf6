package membership

import (
	"cmp"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// The rules of what is presented of what gossip tells:
//
//   - Of each name one life is shown: the one with the highest epoch. When gossip
//     tells of a higher one, the shown one is lost at that moment.
//   - A life that left stays gone, whatever gossip still tells.
//   - A tentative life is not shown; one that becomes tentative again had no right
//     to the name, and the one below it is shown at once.
//   - A lower life may be shown again only after floorHold, when gossip has
//     forgotten the higher one: before, it is an echo of the past.

const (
	// floorHold is how long a gone life keeps lower ones from being shown. Gossip
	// remembers the dead for 30 s and then some.
	floorHold = 2 * time.Minute
	// goneKept is how long lost and left nodes are remembered, and lost ones tried.
	goneKept = time.Hour
	// goneMax bounds how many are remembered; the oldest are forgotten.
	goneMax = 1024
)

// observation is what gossip tells of one life. Unless it is Alive only its Ref
// counts.
type observation struct {
	node  Node
	state State
}

// table is what is known of the other nodes. It has no clock of its own.
type table struct {
	entries map[eventnode.NodeID]*entry
	gone    int // entries whose shown life is not alive
}

// entry is what is known of one name.
type entry struct {
	lives map[uint64]Node // alive, as gossip tells, by epoch
	shown Node            // the presented life
	since time.Time       // when the shown life was lost or left
	left  uint64          // the highest epoch that left
}

func newTable() *table { return &table{entries: make(map[eventnode.NodeID]*entry)} }

// apply takes o in and returns what changes in what is shown, in order.
func (t *table) apply(o observation, now time.Time) []Event {
	ref := o.node.Ref
	e := t.entries[ref.ID]
	if o.state == Alive && o.node.Tentative {
		return t.withdraw(e, ref, now)
	}
	if e == nil {
		if o.state != Alive {
			return nil
		}
		e = &entry{lives: make(map[uint64]Node), shown: Node{State: Lost}}
		t.entries[ref.ID] = e
		t.gone++
	}
	why := o.state
	switch o.state {
	case Alive:
		o.node.State = Alive
		e.lives[ref.Epoch] = o.node
	case Left:
		e.left = max(e.left, ref.Epoch)
		delete(e.lives, ref.Epoch)
		if e.shown.Ref == ref {
			e.shown.State = leftIfGone(e.shown.State)
		}
	case Lost:
		delete(e.lives, ref.Epoch)
	}
	return t.settle(e, why, now)
}

// withdraw takes a life out as if it had never been.
func (t *table) withdraw(e *entry, ref eventnode.NodeRef, now time.Time) []Event {
	if e == nil {
		return nil
	}
	delete(e.lives, ref.Epoch)
	if e.shown.Ref != ref {
		return nil
	}
	var events []Event
	if e.shown.State == Alive {
		t.gone++
		e.shown.State = Lost
		events = append(events, Event{Kind: EventLost, Node: e.shown})
	}
	e.shown, e.since = Node{State: Lost}, now
	return append(events, t.settle(e, Lost, now)...)
}

// leftIfGone: who was taken for lost, and then is known to have left, has left.
func leftIfGone(s State) State {
	if s == Lost {
		return Left
	}
	return s
}

// settle shows the life that is to be shown. why is how the shown one went, if it
// is not among the living any more.
func (t *table) settle(e *entry, why State, now time.Time) []Event {
	var events []Event
	next, ok := e.next(now)
	if e.shown.State == Alive && (!ok || next.Ref != e.shown.Ref) {
		if ok || why == Alive {
			why = Lost // replaced by a later life
		}
		e.shown.State, e.since = why, now
		t.gone++
		events = append(events, Event{Kind: kindOf(why), Node: e.shown})
	}
	switch {
	case !ok:
	case e.shown.State != Alive:
		e.shown = next
		t.gone--
		events = append(events, Event{Kind: EventJoined, Node: next})
	case !e.shown.equal(next):
		e.shown = next
		events = append(events, Event{Kind: EventUpdated, Node: next})
	}
	return events
}

// next returns the highest life that may be shown.
func (e *entry) next(now time.Time) (Node, bool) {
	floor := e.shown.Ref.Epoch
	if e.shown.State != Alive && now.Sub(e.since) > floorHold {
		floor = 0
	}
	var best Node
	for epoch, n := range e.lives {
		if epoch >= floor && epoch > e.left && epoch > best.Ref.Epoch {
			best = n
		}
	}
	return best, best.Ref.Epoch > 0
}

func kindOf(s State) EventKind {
	if s == Left {
		return EventLeft
	}
	return EventLost
}

// expire forgets those who are gone for long, and shows lives that had to wait.
func (t *table) expire(now time.Time) []Event {
	if t.gone == 0 {
		return nil
	}
	var events []Event
	for _, id := range t.ids() {
		e := t.entries[id]
		if e.shown.State == Alive {
			continue
		}
		events = append(events, t.settle(e, Lost, now)...)
		if e.shown.State != Alive && len(e.lives) == 0 && now.Sub(e.since) > goneKept {
			t.forget(id)
		}
	}
	t.trim()
	return events
}

// trim forgets the oldest of those who are gone, beyond goneMax.
func (t *table) trim() {
	if t.gone <= goneMax {
		return
	}
	gone := t.list(func(n Node) bool { return n.State != Alive })
	slices.SortFunc(gone, func(a, b Node) int {
		return t.entries[a.Ref.ID].since.Compare(t.entries[b.Ref.ID].since)
	})
	for _, n := range gone[:len(gone)-goneMax] {
		if len(t.entries[n.Ref.ID].lives) == 0 {
			t.forget(n.Ref.ID)
		}
	}
}

func (t *table) forget(id eventnode.NodeID) {
	delete(t.entries, id)
	t.gone--
}

// living lists the shown lives that are alive, by id.
func (t *table) living() []Node { return t.list(func(n Node) bool { return n.State == Alive }) }

// departed lists the shown lives that are not, by id.
func (t *table) departed() []Node {
	return t.list(func(n Node) bool { return n.State != Alive && n.Ref.Epoch > 0 })
}

// lost lists those to look for, the longest lost last.
func (t *table) lost(now time.Time) []Node {
	nodes := t.list(func(n Node) bool {
		return n.State == Lost && n.Ref.Epoch > 0 && now.Sub(t.entries[n.Ref.ID].since) <= goneKept
	})
	slices.SortStableFunc(nodes, func(a, b Node) int {
		return t.entries[b.Ref.ID].since.Compare(t.entries[a.Ref.ID].since)
	})
	return nodes
}

func (t *table) list(want func(Node) bool) []Node {
	var nodes []Node
	for _, e := range t.entries {
		if want(e.shown) {
			nodes = append(nodes, e.shown)
		}
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Ref.ID, b.Ref.ID) })
	return nodes
}

func (t *table) ids() []eventnode.NodeID {
	ids := make([]eventnode.NodeID, 0, len(t.entries))
	for id := range t.entries {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
