package table

import "github.com/eventnode/eventnode"

// View is one group at one moment. It never changes; whoever has it shares it.
type View struct {
	Parts []PartView
	// Total counts memberships.
	Total int
}

// PartView is one origin's members in a group.
type PartView struct {
	Origin  eventnode.NodeRef
	Members []Member
	// Total counts memberships.
	Total int
}

// none is the view of a group without members.
func none() *View { return &View{} }

// keptView is from how many memberships on a view is kept until its group
// changes. A small one is made for each reader: it costs little, and where
// groups are many a kept one would be larger than the group.
const keptView = 16

// View returns a group as it is now. For any goroutine.
func (t *Table) View(group string) *View {
	c := t.cell(group)
	if c == nil {
		return none()
	}
	if v := c.kept(); v != nil {
		return v
	}
	return c.rebuild()
}

// kept returns the view that is kept, nil if none is.
func (c *Cell) kept() *View {
	if x := c.more.Load(); x != nil {
		return x.view.Load()
	}
	return nil
}

func (c *Cell) rebuild() *View {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.kept(); v != nil {
		return v
	}
	v := &View{Parts: make([]PartView, 0, 1)}
	for p := range c.parts {
		v.Parts = append(v.Parts, PartView{Origin: p.origin.ref, Members: p.list(), Total: int(p.total)})
		v.Total += int(p.total)
	}
	if v.Total >= keptView {
		c.extra().view.Store(v)
		return v
	}
	for p := range c.parts {
		if p.many != nil {
			p.many.list = nil
		}
	}
	return v
}

// Part returns what one origin has, nil if nothing.
func (v *View) Part(ref eventnode.NodeRef) *PartView {
	for i := range v.Parts {
		if v.Parts[i].Origin == ref {
			return &v.Parts[i]
		}
	}
	return nil
}

// Sizes calls yield with each group and its memberships, until it returns
// false; with an origin given, with that one's only. For any goroutine; groups
// that change meanwhile may be seen or not.
func (t *Table) Sizes(of *eventnode.NodeRef, yield func(group string, memberships int) bool) {
	for i := range t.shards {
		for _, c := range t.shards[i].list() {
			if n := c.size(of); n > 0 && !yield(c.name, n) {
				return
			}
		}
	}
}

func (s *shard) list() []*Cell {
	s.mu.RLock()
	defer s.mu.RUnlock()
	cells := make([]*Cell, 0, len(s.cells))
	for _, c := range s.cells {
		cells = append(cells, c)
	}
	return cells
}

func (c *Cell) size(of *eventnode.NodeRef) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for p := range c.parts {
		if of == nil || p.origin.ref == *of {
			n += int(p.total)
		}
	}
	return n
}

// Has reports whether a member of an origin is in a group. For any goroutine.
func (t *Table) Has(ref eventnode.MemberRef, group string) bool {
	c := t.cell(group)
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Standing(ref).Times > 0
}

// Size counts the memberships of a group, and those of one origin in it. For
// any goroutine.
func (t *Table) Size(group string, of eventnode.NodeRef) (all, own int) {
	c := t.cell(group)
	if c == nil {
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.parts {
		if all += int(p.total); p.origin.ref == of {
			own = int(p.total)
		}
	}
	return all, own
}
