package exchange

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// This file is a discrete-event simulator: virtual milliseconds, no goroutine.
// A link needs both directions; a message in flight on a broken one is lost or
// arrives late. Membership hears of a node while any path leads to it.

const (
	tickMillis   = 250
	linkNotice   = 700  // until a link notices that the other side is silent
	memberNotice = 3000 // until membership declares a silent node dead
)

// view is a dumb model of one scope: group -> member -> standing.
type view map[string]map[eventnode.MemberRef]table.Member

func (v view) set(group string, ref eventnode.MemberRef, m table.Member) {
	if m.Times == 0 {
		delete(v[group], ref)
		if len(v[group]) == 0 {
			delete(v, group)
		}
		return
	}
	if v[group] == nil {
		v[group] = map[eventnode.MemberRef]table.Member{}
	}
	v[group][ref] = m
}

// fold applies differences as a monitor's user would.
func (v view) fold(origin eventnode.NodeRef, diffs []table.Diff) error {
	for _, d := range diffs {
		for _, m := range d.Left {
			ref := eventnode.MemberRef{Node: origin, Ref: m.Ref}
			now := v[d.Group][ref]
			if now.Times < m.Times {
				return fmt.Errorf("%s left %s %d times, was there %d times", ref, d.Group, m.Times, now.Times)
			}
			now.Times -= m.Times
			v.set(d.Group, ref, now)
		}
		for _, m := range d.Joined {
			ref := eventnode.MemberRef{Node: origin, Ref: m.Ref}
			now := v[d.Group][ref]
			v.set(d.Group, ref, table.Member{Ref: m.Ref, Times: now.Times + m.Times, Meta: m.Meta})
		}
		for _, m := range d.Updated {
			ref := eventnode.MemberRef{Node: origin, Ref: m.Ref}
			now := v[d.Group][ref]
			if now.Times == 0 {
				return fmt.Errorf("%s updated in %s without being there", ref, d.Group)
			}
			now.Meta = m.Meta
			v.set(d.Group, ref, now)
		}
	}
	return nil
}

type node struct {
	ref    eventnode.NodeRef
	x      *Exchange // nil: not running
	truth  map[string]view
	folded map[string]view
	linked map[int]bool // what it was told
	alive  map[int]uint64
	silent map[int]int64 // since when another is out of reach
	lost   map[int]int64 // since when a link does not work
}

type event struct {
	at  int64
	seq int
	run func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(v any)   { *e = append(*e, v.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

type sim struct {
	rng    *rand.Rand
	now    int64
	seq    int
	queue  events
	nodes  []*node
	epoch  uint64
	cut    map[[2]int]bool
	loss   float64
	delay  int64
	fifo   map[[2]int]int64
	sent   [Kinds]int
	err    error
	config Config
	onDiff func(n int, e Event)
}

func newSim(seed uint64, n int) *sim {
	s := &sim{rng: rand.New(rand.NewPCG(seed, 1)), cut: map[[2]int]bool{}, fifo: map[[2]int]int64{}, delay: 5, epoch: 1}
	for i := range n {
		s.nodes = append(s.nodes, &node{})
		s.boot(i)
	}
	return s
}

func (s *sim) after(d int64, run func()) {
	s.seq++
	heap.Push(&s.queue, event{s.now + d, s.seq, run})
}

// boot starts a node under a new epoch.
func (s *sim) boot(i int) {
	s.epoch++
	ref := eventnode.NodeRef{ID: eventnode.NodeID(fmt.Sprintf("n%d", i+1)), Epoch: s.epoch}
	cfg := s.config
	cfg.Self = ref
	*s.nodes[i] = node{
		ref: ref, x: New(cfg), truth: map[string]view{}, folded: map[string]view{},
		linked: map[int]bool{}, alive: map[int]uint64{}, silent: map[int]int64{}, lost: map[int]int64{},
	}
	x := s.nodes[i].x
	s.after(s.rng.Int64N(tickMillis), func() { s.tick(i, x) })
}

func (s *sim) crash(i int) { s.nodes[i].x = nil }

func (s *sim) tick(i int, x *Exchange) {
	if s.nodes[i].x != x {
		return
	}
	s.observe(i)
	x.Tick(s.rng.Uint64())
	s.collect(i)
	s.after(tickMillis, func() { s.tick(i, x) })
}

// path reports whether some path of working links leads from a to b.
func (s *sim) path(a, b int) bool {
	if s.works(a, b) {
		return true
	}
	seen := map[int]bool{a: true}
	for todo := []int{a}; len(todo) > 0; todo = todo[1:] {
		if todo[0] == b {
			return true
		}
		for j := range s.nodes {
			if !seen[j] && s.works(todo[0], j) {
				seen[j] = true
				todo = append(todo, j)
			}
		}
	}
	return false
}

func (s *sim) works(a, b int) bool {
	return s.nodes[a].x != nil && s.nodes[b].x != nil && !s.cut[[2]int{a, b}] && !s.cut[[2]int{b, a}]
}

// observe is what node i's membership and links notice, in any order.
func (s *sim) observe(i int) {
	a := s.nodes[i]
	for _, j := range s.rng.Perm(len(s.nodes)) {
		if j == i {
			continue
		}
		steps := []func(){func() { s.observeLink(a, i, j) }, func() { s.observeNode(a, i, j) }}
		s.rng.Shuffle(2, func(k, l int) { steps[k], steps[l] = steps[l], steps[k] })
		steps[0]()
		steps[1]()
	}
}

func (s *sim) observeLink(a *node, i, j int) {
	b := s.nodes[j]
	up := a.x.up[b.ref.ID]
	switch works := s.works(i, j); {
	case works && up != b.ref.Epoch:
		if up != 0 {
			a.x.PeerDown(eventnode.NodeRef{ID: b.ref.ID, Epoch: up})
		}
		a.x.PeerUp(b.ref)
		delete(a.lost, j)
	case works:
		delete(a.lost, j)
	case up != 0 && a.lost[j] == 0:
		a.lost[j] = s.now
	case up != 0 && s.now-a.lost[j] > linkNotice:
		a.x.PeerDown(eventnode.NodeRef{ID: b.ref.ID, Epoch: up})
	}
}

func (s *sim) observeNode(a *node, i, j int) {
	b := s.nodes[j]
	known := a.alive[j]
	switch reachable := b.x != nil && s.path(i, j); {
	case reachable && known != b.ref.Epoch:
		if known != 0 && s.rng.IntN(2) == 0 {
			a.x.NodeGone(eventnode.NodeRef{ID: b.ref.ID, Epoch: known})
		}
		a.alive[j] = b.ref.Epoch
		a.x.NodeAlive(b.ref)
		delete(a.silent, j)
	case reachable:
		delete(a.silent, j)
	case known != 0 && a.silent[j] == 0:
		a.silent[j] = s.now
	case known != 0 && (s.now-a.silent[j] > memberNotice || b.x == nil && s.now-a.silent[j] > 400 && s.rng.IntN(2) == 0):
		a.x.NodeGone(eventnode.NodeRef{ID: b.ref.ID, Epoch: known})
		delete(a.alive, j)
		delete(a.silent, j)
	}
}

// collect sends what node i wants to send, and folds its differences.
func (s *sim) collect(i int) {
	a := s.nodes[i]
	a.x.Flush()
	outs, evs := a.x.Take()
	for _, e := range evs {
		if a.folded[e.Scope] == nil {
			a.folded[e.Scope] = view{}
		}
		if err := a.folded[e.Scope].fold(e.Origin, e.Diffs); err != nil && s.err == nil {
			s.err = fmt.Errorf("at %d ms on %s: %w", s.now, a.ref, err)
		}
		if s.onDiff != nil {
			s.onDiff(i, e)
		}
	}
	for _, o := range outs {
		s.send(i, o)
	}
}

func (s *sim) send(i int, o Out) {
	j := slices.IndexFunc(s.nodes, func(n *node) bool { return n.ref == o.To })
	s.sent[KindOf(o.Msg)]++
	if j < 0 || s.rng.Float64() < s.loss {
		return
	}
	from, to := s.nodes[i].ref, s.nodes[j].x
	at := max(s.fifo[[2]int{i, j}], s.now+1+s.rng.Int64N(s.delay))
	s.fifo[[2]int{i, j}] = at
	s.after(at-s.now, func() {
		if s.nodes[j].x != to || to == nil || s.cut[[2]int{i, j}] {
			return
		}
		to.Receive(from, o.Msg)
		s.collect(j)
	})
}

// run lets virtual time pass.
func (s *sim) run(millis int64) {
	end := s.now + millis
	for len(s.queue) > 0 && s.queue[0].at <= end {
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		e.run()
	}
	s.now = end
}

// change makes a random or given change on a node, in the model too.
func (s *sim) change(i int, scope string, deltas ...table.Delta) {
	a := s.nodes[i]
	if a.truth[scope] == nil {
		a.truth[scope] = view{}
	}
	t := a.truth[scope]
	for _, d := range deltas {
		for _, m := range d.Left {
			ref := eventnode.MemberRef{Node: a.ref, Ref: m.Ref}
			now := t[d.Group][ref]
			now.Times -= min(now.Times, m.Times)
			t.set(d.Group, ref, now)
		}
		for _, m := range d.Joined {
			ref := eventnode.MemberRef{Node: a.ref, Ref: m.Ref}
			now := t[d.Group][ref]
			if now.Ref, now.Times = m.Ref, now.Times+m.Times; m.Meta != "" {
				now.Meta = m.Meta
			}
			t.set(d.Group, ref, now)
		}
		for _, m := range d.Updated {
			ref := eventnode.MemberRef{Node: a.ref, Ref: m.Ref}
			if now := t[d.Group][ref]; now.Times > 0 {
				now.Meta = m.Meta
				t.set(d.Group, ref, now)
			}
		}
	}
	a.x.Change(scope, deltas)
	s.collect(i)
}

// join joins members 1, 2, ... of a node to a group.
func (s *sim) join(i int, group string, refs ...uint64) {
	s.change(i, "", table.Delta{Group: group, Joined: members(refs)})
}

func members(refs []uint64) []table.Member {
	var ms []table.Member
	for _, r := range refs {
		ms = append(ms, table.Member{Ref: r, Times: 1})
	}
	return ms
}

// has returns what a table holds, as the model would.
func has(x *Exchange, scope string) view {
	v := view{}
	t := x.Table(scope)
	if t == nil {
		return v
	}
	t.Sizes(nil, func(group string, _ int) bool {
		for _, p := range t.View(group).Parts {
			for _, m := range p.Members {
				v.set(group, eventnode.MemberRef{Node: p.Origin, Ref: m.Ref}, m)
			}
		}
		return true
	})
	return v
}

// want is the union of the truths of the nodes that i should see.
func (s *sim) want(i int, scope string) view {
	v := view{}
	for j, b := range s.nodes {
		if b.x == nil || j != i && !s.path(i, j) {
			continue
		}
		for group, ms := range b.truth[scope] {
			for ref, m := range ms {
				v.set(group, ref, m)
			}
		}
	}
	return v
}
