package table

import (
	"cmp"
	"iter"
	"slices"

	"github.com/eventnode/eventnode"
)

// Apply makes one change of one origin's part and returns the exact
// difference, one entry a changed group. The caller saw to it that version is
// the next one, or that the change leads there; a part of another epoch must
// have been purged. What it is given is not kept; what it returns is good until
// Forget.
func (t *Table) Apply(ref eventnode.NodeRef, version uint64, deltas []Delta) []Diff {
	o := t.origin(ref)
	o.version = version
	begin := len(t.told.diffs)
	for i := range deltas {
		if d, changed := t.apply(o, &deltas[i]); changed {
			t.told.diffs = append(t.told.diffs, d)
		}
	}
	if begin == len(t.told.diffs) {
		return nil
	}
	return slices.Clip(t.told.diffs[begin:])
}

// told is memory for differences: a join would cost two allocations more. Lists
// that were handed out stay as they are when the memory moves.
type told struct {
	diffs   []Diff
	members []Member
	before  []Member // of one group's change
}

// keptTold bounds what is kept of it.
const keptTold = 1024

// Forget uses the memory of all differences that were returned so far again. For
// the writer.
func (t *Table) Forget() {
	if max(len(t.told.diffs), len(t.told.members), cap(t.told.before)) > keptTold {
		t.told = told{}
		return
	}
	clear(t.told.diffs)
	clear(t.told.members)
	t.told.diffs, t.told.members = t.told.diffs[:0], t.told.members[:0]
}

// add appends a member to a list, the first one in memory that is used again.
func (t *told) add(list []Member, m Member) []Member {
	if list != nil {
		return append(list, m)
	}
	t.members = append(t.members, m)
	return slices.Clip(t.members[len(t.members)-1:])
}

// apply changes one group.
func (t *Table) apply(o *origin, delta *Delta) (Diff, bool) {
	c := t.cell(delta.Group)
	if c == nil {
		if len(delta.Joined) == 0 {
			return Diff{}, false
		}
		c = t.newCell(delta.Group)
	}
	d := c.apply(o, delta, &t.told)
	if c.empty() {
		t.dropCell(c)
	}
	n := int64(0)
	for _, m := range d.Joined {
		n += int64(m.Times)
	}
	for _, m := range d.Left {
		n -= int64(m.Times)
	}
	t.memberships.Add(n)
	return d, len(d.Joined)+len(d.Left)+len(d.Updated) > 0
}

// apply changes the part of o, under the cell's lock.
func (c *Cell) apply(o *origin, delta *Delta, memory *told) Diff {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.ensure(o)
	before := befores{list: memory.before[:0]}
	for _, m := range delta.Left {
		before.leave(p, m)
	}
	for _, m := range delta.Joined {
		before.join(p, m)
	}
	for _, m := range delta.Updated {
		before.update(p, m)
	}
	d := before.diff(p, memory)
	memory.before = before.list
	d.Group, d.Members = c.name, int(p.total)
	if p.total == 0 {
		c.remove(o)
	}
	c.changed()
	return d
}

// befores remembers what members were before a change touched them, so that
// the difference is net whatever the order and number of the steps.
type befores struct {
	list  []Member
	index map[uint64]struct{} // made when the list is long
}

const longList = 16

// touch remembers a member's standing when it is touched first, and returns
// its standing now.
func (b *befores) touch(p *part, ref uint64) Member {
	now := p.member(ref)
	if b.seen(ref) {
		return now
	}
	b.list = append(b.list, now)
	if b.index != nil {
		b.index[ref] = struct{}{}
	}
	return now
}

func (b *befores) seen(ref uint64) bool {
	if b.index == nil && len(b.list) >= longList {
		b.index = make(map[uint64]struct{}, 2*len(b.list))
		for _, m := range b.list {
			b.index[m.Ref] = struct{}{}
		}
	}
	if b.index != nil {
		_, ok := b.index[ref]
		return ok
	}
	return slices.ContainsFunc(b.list, func(m Member) bool { return m.Ref == ref })
}

func (b *befores) join(p *part, m Member) {
	now := b.touch(p, m.Ref)
	now.Times += min(max(m.Times, 1), MaxTimes-p.total)
	if m.Meta != "" {
		now.Meta = m.Meta
	}
	if now.Times > 0 {
		p.set(now)
	}
}

func (b *befores) leave(p *part, m Member) {
	now := b.touch(p, m.Ref)
	if now.Times == 0 {
		return
	}
	now.Times -= min(now.Times, max(m.Times, 1))
	p.set(now)
}

func (b *befores) update(p *part, m Member) {
	if now := b.touch(p, m.Ref); now.Times > 0 && now.Meta != m.Meta {
		now.Meta = m.Meta
		p.set(now)
	}
}

// diff compares what was with what is.
func (b *befores) diff(p *part, memory *told) Diff {
	var d Diff
	for _, was := range b.list {
		now := p.member(was.Ref)
		switch {
		case now.Times > was.Times:
			d.Joined = memory.add(d.Joined, Member{Ref: was.Ref, Times: now.Times - was.Times, Meta: now.Meta})
		case now.Times < was.Times:
			d.Left = memory.add(d.Left, Member{Ref: was.Ref, Times: was.Times - now.Times, Meta: was.Meta})
		}
		if was.Times > 0 && now.Times > 0 && was.Meta != now.Meta {
			d.Updated = append(d.Updated, Member{Ref: was.Ref, Times: now.Times, Meta: now.Meta})
		}
	}
	return d
}

// Purge forgets a node and returns what went, one entry a group, by name; if
// tell is false, nothing.
func (t *Table) Purge(id eventnode.NodeID, tell bool) []Diff {
	o := t.origins[id]
	if o == nil {
		return nil
	}
	var diffs []Diff
	for _, c := range o.cells {
		p := c.part(o)
		if tell {
			diffs = append(diffs, Diff{Group: c.name, Left: p.sorted()})
		}
		t.memberships.Add(-int64(p.total))
		c.mu.Lock()
		c.takeOut(o)
		c.changed()
		c.mu.Unlock()
		if c.empty() {
			t.dropCell(c)
		}
	}
	delete(t.origins, id)
	t.last = nil
	return sortDiffs(diffs)
}

func sortDiffs(diffs []Diff) []Diff {
	slices.SortFunc(diffs, func(a, b Diff) int { return cmp.Compare(a.Group, b.Group) })
	return diffs
}

// Replace makes a copy, which comes in pieces, the whole of an origin's part and
// returns the exact difference to what was known; if tell is false, nothing. A
// group may be listed several times. What it is given is not kept.
func (t *Table) Replace(ref eventnode.NodeRef, version uint64, pieces iter.Seq[[]Delta], tell bool) []Diff {
	o := t.origin(ref)
	if len(o.cells) == 0 {
		return t.load(o, version, pieces, tell)
	}
	var whole []Delta
	for piece := range pieces {
		for _, d := range piece {
			whole = append(whole, Delta{Group: d.Group, Joined: slices.Clone(d.Joined)})
		}
	}
	return t.Apply(ref, version, difference(t.Copy(ref.ID), merge(whole)))
}

// load fills a part that is empty: there is nothing to compare with, and what
// is there afterwards is the difference.
func (t *Table) load(o *origin, version uint64, pieces iter.Seq[[]Delta], tell bool) []Diff {
	o.version = version
	for piece := range pieces {
		for i := range piece {
			t.loadGroup(o, &piece[i])
		}
	}
	if !tell {
		return nil
	}
	diffs := make([]Diff, 0, len(o.cells))
	for _, c := range o.cells {
		p := c.part(o)
		diffs = append(diffs, Diff{Group: c.name, Joined: p.sorted(), Members: int(p.total)})
	}
	return sortDiffs(diffs)
}

func (t *Table) loadGroup(o *origin, d *Delta) {
	if len(d.Joined) == 0 {
		return
	}
	c := t.cell(d.Group)
	if c == nil {
		c = t.newCell(d.Group)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.ensure(o)
	before := p.total
	for _, m := range d.Joined {
		now := p.member(m.Ref)
		now.Times, now.Meta = now.Times+min(max(m.Times, 1), MaxTimes-p.total), m.Meta
		if now.Times > 0 {
			p.set(now)
		}
	}
	t.memberships.Add(int64(p.total) - int64(before))
	c.changed()
}

// merge joins pieces of the same group, and entries of the same member.
func merge(whole []Delta) []Delta {
	merged := make([]Delta, 0, len(whole))
	index := make(map[string]int, len(whole))
	for _, d := range whole {
		i, ok := index[d.Group]
		if !ok {
			i = len(merged)
			index[d.Group] = i
			merged = append(merged, Delta{Group: d.Group})
		}
		merged[i].Joined = append(merged[i].Joined, d.Joined...)
	}
	return merged
}

// difference returns the change that leads from one copy to another.
func difference(old, whole []Delta) []Delta {
	rest := make(map[string][]Member, len(old))
	for _, d := range old {
		rest[d.Group] = d.Joined
	}
	var deltas []Delta
	for _, d := range whole {
		change := between(rest[d.Group], d.Joined)
		change.Group = d.Group
		deltas = append(deltas, change)
		delete(rest, d.Group)
	}
	for _, d := range old {
		if _, gone := rest[d.Group]; gone {
			deltas = append(deltas, Delta{Group: d.Group, Left: d.Joined})
		}
	}
	return deltas
}

// between returns the change from one list of members to another.
func between(old, whole []Member) Delta {
	was := make(map[uint64]Member, len(old))
	for _, m := range old {
		was[m.Ref] = m
	}
	now := make(map[uint64]Member, len(whole))
	var order []uint64
	for _, m := range whole {
		v, seen := now[m.Ref]
		if !seen {
			order = append(order, m.Ref)
		}
		now[m.Ref] = Member{Ref: m.Ref, Times: min(v.Times+max(m.Times, 1), MaxTimes), Meta: m.Meta}
	}
	var d Delta
	for _, ref := range order {
		a, b := was[ref], now[ref]
		switch {
		case b.Times > a.Times:
			d.Joined = append(d.Joined, Member{Ref: ref, Times: b.Times - a.Times, Meta: b.Meta})
		case b.Times < a.Times:
			d.Left = append(d.Left, Member{Ref: ref, Times: a.Times - b.Times})
		}
		if a.Times > 0 && a.Meta != b.Meta {
			d.Updated = append(d.Updated, Member{Ref: ref, Meta: b.Meta})
		}
	}
	for _, m := range old {
		if _, stays := now[m.Ref]; !stays {
			d.Left = append(d.Left, Member{Ref: m.Ref, Times: m.Times})
		}
	}
	return d
}
