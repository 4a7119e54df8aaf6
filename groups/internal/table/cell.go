package table

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode"
)

// Cell is one group: 64 bytes, because there are millions of them. It is the
// same one as long as the group has a member.
type Cell struct {
	name string
	mu   sync.Mutex            // the writer changes parts under it, a reader builds a view
	one  part                  // of one origin; most groups that are many have no other
	more atomic.Pointer[extra] // the other origins' parts, and the view, if there are any
}

// extra is what few cells need.
type extra struct {
	parts []part // in no order
	view  atomic.Pointer[View]
}

// part is one origin's members in one group. A single member without metadata,
// the common case where groups are many, needs no map.
type part struct {
	origin *origin
	pos    uint32 // the cell's place in origin.cells
	total  uint32 // memberships
	ref    uint64 // the only member, if many is nil
	many   *many
}

// many holds members when there are several, or one with metadata.
type many struct {
	times map[uint64]uint32
	meta  map[uint64]string // only those that have some
	list  []Member          // for views; nil after a change
}

// Name is the group's name.
func (c *Cell) Name() string { return c.name }

// Scope is the name of the table that the group is in. For the writer, while the
// group has a member.
func (c *Cell) Scope() string { return c.one.origin.table.name }

// Standing returns a member's standing; Times is 0 if it has none. For the
// writer.
func (c *Cell) Standing(ref eventnode.MemberRef) Member {
	for p := range c.parts {
		if p.origin.ref == ref.Node {
			return p.member(ref.Ref)
		}
	}
	return Member{Ref: ref.Ref}
}

// parts calls yield with each origin's part.
func (c *Cell) parts(yield func(*part) bool) {
	if c.one.origin == nil || !yield(&c.one) {
		return
	}
	if x := c.more.Load(); x != nil {
		for i := range x.parts {
			if !yield(&x.parts[i]) {
				return
			}
		}
	}
}

// part returns an origin's part, nil if it has no member here.
func (c *Cell) part(o *origin) *part {
	if c.one.origin == o {
		return &c.one
	}
	for p := range c.parts {
		if p.origin == o {
			return p
		}
	}
	return nil
}

// empty reports whether the group has no member.
func (c *Cell) empty() bool { return c.one.origin == nil }

// extra returns what few cells need, made if it is not there. c.mu is held.
func (c *Cell) extra() *extra {
	x := c.more.Load()
	if x == nil {
		x = new(extra)
		c.more.Store(x)
	}
	return x
}

// changed forgets the view. c.mu is held.
func (c *Cell) changed() {
	x := c.more.Load()
	if x == nil {
		return
	}
	if x.view.Store(nil); len(x.parts) == 0 {
		c.more.Store(nil)
	}
}

// member returns the standing of one member.
func (p *part) member(ref uint64) Member {
	if p.many != nil {
		return Member{Ref: ref, Times: p.many.times[ref], Meta: p.many.meta[ref]}
	}
	if p.ref == ref {
		return Member{Ref: ref, Times: p.total}
	}
	return Member{Ref: ref}
}

// set makes m the standing of a member; Times 0 removes it.
func (p *part) set(m Member) {
	others := p.total - p.member(m.Ref).Times
	p.total = others + m.Times
	if p.many == nil && others == 0 && m.Meta == "" {
		p.ref = m.Ref
		return
	}
	if p.many == nil {
		p.grow(others)
	}
	p.many.set(m)
	p.shrink()
}

// grow moves the only member, with its count, into a map.
func (p *part) grow(times uint32) {
	p.many = &many{times: make(map[uint64]uint32)}
	if times > 0 {
		p.many.times[p.ref] = times
	}
}

// shrink gives the map back when one member without metadata is left: a map
// never gets smaller by itself.
func (p *part) shrink() {
	if len(p.many.times) != 1 || len(p.many.meta) > 0 {
		return
	}
	for ref := range p.many.times {
		p.ref = ref
	}
	p.many = nil
}

func (m *many) set(v Member) {
	m.list = nil
	if v.Times == 0 {
		delete(m.times, v.Ref)
		delete(m.meta, v.Ref)
		return
	}
	m.times[v.Ref] = v.Times
	if v.Meta == "" {
		delete(m.meta, v.Ref)
		return
	}
	if m.meta == nil {
		m.meta = map[uint64]string{}
	}
	m.meta[v.Ref] = v.Meta
}

// each calls yield with each member, in no order, until it returns false.
func (p *part) each(yield func(Member) bool) {
	if p.many == nil {
		yield(Member{Ref: p.ref, Times: p.total})
		return
	}
	for ref, times := range p.many.times {
		if !yield(Member{Ref: ref, Times: times, Meta: p.many.meta[ref]}) {
			return
		}
	}
}

// sorted lists the members by number.
func (p *part) sorted() []Member {
	list := make([]Member, 0, p.members())
	for m := range p.each {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Member) int { return cmp.Compare(a.Ref, b.Ref) })
	return list
}

func (p *part) members() int {
	if p.many == nil {
		return 1
	}
	return len(p.many.times)
}

// list lists the part in no order; it is shared by views. The cell's mu is held.
func (p *part) list() []Member {
	if p.many == nil {
		return []Member{{Ref: p.ref, Times: p.total}}
	}
	if p.many.list == nil {
		list := make([]Member, 0, len(p.many.times))
		for m := range p.each {
			list = append(list, m)
		}
		p.many.list = list
	}
	return p.many.list
}

// ensure returns o's part, made if it is not there. c.mu is held.
func (c *Cell) ensure(o *origin) *part {
	if p := c.part(o); p != nil {
		return p
	}
	p := part{origin: o, pos: uint32(len(o.cells))}
	o.cells = append(o.cells, c)
	if c.one.origin == nil {
		c.one = p
		return &c.one
	}
	x := c.extra()
	x.parts = append(x.parts, p)
	return &x.parts[len(x.parts)-1]
}

// remove takes o's part out of the cell and the cell out of o's. c.mu is held.
func (c *Cell) remove(o *origin) {
	pos, last := c.part(o).pos, len(o.cells)-1
	moved := o.cells[last]
	moved.part(o).pos = pos
	o.cells[pos], o.cells[last] = moved, nil
	o.cells = o.cells[:last]
	c.takeOut(o)
}

// takeOut takes o's part out of the cell. c.mu is held.
func (c *Cell) takeOut(o *origin) {
	x := c.more.Load()
	if x == nil || len(x.parts) == 0 {
		c.one = part{}
		return
	}
	last := len(x.parts) - 1
	if p := c.part(o); p != &x.parts[last] {
		*p = x.parts[last]
	}
	x.parts[last] = part{}
	x.parts = x.parts[:last]
}
