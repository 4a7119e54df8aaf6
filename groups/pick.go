package groups

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// chooser chooses one member of a view after the other.
type chooser struct {
	view  *table.View
	self  eventnode.NodeRef
	load  func(eventnode.MemberRef) int
	nodes map[eventnode.NodeRef]bool   // excluded
	refs  map[eventnode.MemberRef]bool // excluded
}

func (c *chooser) exclude(ref eventnode.MemberRef) {
	if c.refs == nil {
		c.refs = map[eventnode.MemberRef]bool{}
	}
	c.refs[ref] = true
}

func (c *chooser) excludeNode(ref eventnode.NodeRef) {
	if c.nodes == nil {
		c.nodes = map[eventnode.NodeRef]bool{}
	}
	c.nodes[ref] = true
}

// choose returns a member that is not excluded; ok is false if there is none.
func (c *chooser) choose(pick eventnode.Pick) (ref eventnode.MemberRef, ok bool) {
	switch pick.Strategy {
	case eventnode.PickLeastLoaded:
		return c.best(func(ref eventnode.MemberRef) uint64 { return ^uint64(c.load(ref)) })
	case eventnode.PickHash:
		key := xxhash.Sum64String(pick.Key)
		return c.best(func(ref eventnode.MemberRef) uint64 { return rank(key, ref) })
	case eventnode.PickLocalFirst:
		if ref, ok := c.random(func(o eventnode.NodeRef) bool { return o == c.self }); ok {
			return ref, true
		}
	case eventnode.PickRandom:
	}
	return c.random(func(eventnode.NodeRef) bool { return true })
}

// random chooses among the memberships of some origins, each equally likely.
func (c *chooser) random(of func(eventnode.NodeRef) bool) (eventnode.MemberRef, bool) {
	if len(c.refs) > 0 {
		return c.scan(of)
	}
	total := 0
	for i := range c.view.Parts {
		if p := &c.view.Parts[i]; !c.nodes[p.Origin] && of(p.Origin) {
			total += p.Total
		}
	}
	if total == 0 {
		return eventnode.MemberRef{}, false
	}
	at := rand.IntN(total)
	for i := range c.view.Parts {
		p := &c.view.Parts[i]
		if c.nodes[p.Origin] || !of(p.Origin) {
			continue
		}
		if at < p.Total {
			return eventnode.MemberRef{Node: p.Origin, Ref: nth(p, at)}, true
		}
		at -= p.Total
	}
	return eventnode.MemberRef{}, false
}

// nth returns the member that holds the membership at a place.
func nth(p *table.PartView, at int) uint64 {
	if len(p.Members) == p.Total { // nobody joined twice
		return p.Members[at].Ref
	}
	for _, m := range p.Members {
		if at -= int(m.Times); at < 0 {
			return m.Ref
		}
	}
	return 0
}

// scan is random where members are excluded one by one.
func (c *chooser) scan(of func(eventnode.NodeRef) bool) (chosen eventnode.MemberRef, ok bool) {
	seen := 0
	c.each(func(ref eventnode.MemberRef, times int) {
		if of(ref.Node) {
			if seen += times; rand.IntN(seen) < times {
				chosen, ok = ref, true
			}
		}
	})
	return chosen, ok
}

// best chooses the member with the highest score, a random one of several.
func (c *chooser) best(score func(eventnode.MemberRef) uint64) (chosen eventnode.MemberRef, ok bool) {
	var high uint64
	same := 0
	c.each(func(ref eventnode.MemberRef, _ int) {
		switch v := score(ref); {
		case !ok || v > high:
			chosen, ok, high, same = ref, true, v, 1
		case v == high:
			if same++; rand.IntN(same) == 0 {
				chosen = ref
			}
		}
	})
	return chosen, ok
}

// each calls fn with the members that are not excluded.
func (c *chooser) each(fn func(ref eventnode.MemberRef, times int)) {
	for i := range c.view.Parts {
		p := &c.view.Parts[i]
		if c.nodes[p.Origin] {
			continue
		}
		for _, m := range p.Members {
			if ref := (eventnode.MemberRef{Node: p.Origin, Ref: m.Ref}); !c.refs[ref] {
				fn(ref, int(m.Times))
			}
		}
	}
}

// rank is a member's score for a key in rendezvous hashing (Thaler and
// Ravishankar, 1998): when members come and go, only keys of those move.
func rank(key uint64, ref eventnode.MemberRef) uint64 {
	b := make([]byte, 0, 64)
	b = binary.LittleEndian.AppendUint64(b, key)
	b = binary.LittleEndian.AppendUint64(b, ref.Ref)
	b = binary.LittleEndian.AppendUint64(b, ref.Node.Epoch)
	return xxhash.Sum64(append(b, ref.Node.ID...))
}

// loadLife is how long a remote queue's depth is believed.
const loadLife = 5 * time.Second

// maxLoads bounds the depths that are remembered; then all are forgotten.
const maxLoads = 1 << 16

// loads remembers the depths of remote queues, as last heard.
type loads struct {
	mu    sync.Mutex
	heard map[eventnode.MemberRef]heard
}

type heard struct {
	queued int
	at     time.Time
}

func (l *loads) set(ref eventnode.MemberRef, queued int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard == nil || len(l.heard) >= maxLoads {
		l.heard = map[eventnode.MemberRef]heard{}
	}
	l.heard[ref] = heard{queued, time.Now()}
}

func (l *loads) of(ref eventnode.MemberRef) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.heard[ref]
	if !ok {
		return 0
	}
	if time.Since(h.at) > loadLife {
		delete(l.heard, ref)
		return 0
	}
	return h.queued
}

// load is the depth of a member's queue: known on this node, as last heard on
// others; 0 if nothing was heard lately.
func (g *Groups) load(ref eventnode.MemberRef) int {
	if ref.Node != g.cfg.Self {
		return g.loads.of(ref)
	}
	if h, ok := g.handles.Load(ref.Ref); ok {
		return h.(*member).queue.depth()
	}
	return 0
}
