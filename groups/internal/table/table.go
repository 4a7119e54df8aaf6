package table

import (
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode"
)

// MaxTimes bounds one origin's memberships in one group.
const MaxTimes = 1 << 24

// shards is the number of maps that the groups are spread over; a power of 2.
const shards = 32

// Member is a member's standing in one group.
type Member struct {
	// Ref is its number at its origin.
	Ref uint64
	// Times is how many memberships it has, or how many this is about.
	Times uint32
	// Meta is its metadata; all its memberships in one group have the same.
	Meta string
}

// Delta is a change to one group: first those in Left leave, then those in
// Joined join, then those in Updated get new metadata. A join with metadata
// sets it for all memberships of that member, one without keeps what is there.
type Delta struct {
	Group                 string
	Joined, Left, Updated []Member
}

// Diff is what a change did to one origin's memberships in one group, net.
type Diff struct {
	Group                 string
	Joined, Left, Updated []Member
	// Members is the number of memberships that the origin has there now.
	Members int
}

// Table holds one scope.
type Table struct {
	name        string
	seed        maphash.Seed
	shards      [shards]shard
	origins     map[eventnode.NodeID]*origin // the writer's
	last        *origin                      // the writer's: the one that was asked for last
	told        told                         // the writer's
	groups      atomic.Int64
	memberships atomic.Int64
}

// shard is one of the maps from a group's name to its cell.
type shard struct {
	mu    sync.RWMutex // held for a map operation only
	cells map[string]*Cell
}

// origin is one life of one node.
type origin struct {
	table   *Table
	ref     eventnode.NodeRef
	version uint64
	cells   []*Cell // the groups it has members in; part.pos is the index
}

// New returns an empty table without a name.
func New() *Table { return Named("") }

// Named returns an empty table of the scope with that name.
func Named(name string) *Table {
	return &Table{name: name, seed: maphash.MakeSeed(), origins: map[eventnode.NodeID]*origin{}}
}

func (t *Table) shard(group string) *shard {
	return &t.shards[maphash.String(t.seed, group)%shards]
}

// cell returns the group's cell, nil if it has no member.
func (t *Table) cell(group string) *Cell {
	s := t.shard(group)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cells[group]
}

func (t *Table) newCell(group string) *Cell {
	group = strings.Clone(group) // it may be a part of something large
	c := &Cell{name: group}
	s := t.shard(group)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cells == nil {
		s.cells = map[string]*Cell{}
	}
	s.cells[group] = c
	t.groups.Add(1)
	return c
}

func (t *Table) dropCell(c *Cell) {
	s := t.shard(c.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cells, c.name)
	t.groups.Add(-1)
}

// Groups counts the non-empty groups.
func (t *Table) Groups() int { return int(t.groups.Load()) }

// Memberships counts all memberships.
func (t *Table) Memberships() int { return int(t.memberships.Load()) }

// Part is what the table knows of an origin.
type Part struct {
	Ref     eventnode.NodeRef
	Version uint64
	// Groups counts the groups that it has members in.
	Groups int
}

// Part returns what is known of a node; ok is false if nothing is. For the
// writer.
func (t *Table) Part(id eventnode.NodeID) (p Part, ok bool) {
	o := t.find(id)
	if o == nil {
		return Part{}, false
	}
	return Part{Ref: o.ref, Version: o.version, Groups: len(o.cells)}, true
}

// Parts returns all parts, by name. For the writer.
func (t *Table) Parts() []Part {
	parts := make([]Part, 0, len(t.origins))
	for _, o := range t.origins {
		parts = append(parts, Part{Ref: o.ref, Version: o.version, Groups: len(o.cells)})
	}
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(a.Ref.ID, b.Ref.ID) })
	return parts
}

// Copy returns all memberships of a node, as joined, by group and member. For
// the writer.
func (t *Table) Copy(id eventnode.NodeID) []Delta {
	o := t.origins[id]
	if o == nil {
		return nil
	}
	deltas := make([]Delta, 0, len(o.cells))
	for _, c := range o.cells {
		deltas = append(deltas, Delta{Group: c.name, Joined: c.part(o).sorted()})
	}
	slices.SortFunc(deltas, func(a, b Delta) int { return cmp.Compare(a.Group, b.Group) })
	return deltas
}

// Each ranges over the groups of a node and its members there, as joined, in no
// order. For the writer.
func (t *Table) Each(id eventnode.NodeID) iter.Seq2[string, iter.Seq[Member]] {
	return func(yield func(string, iter.Seq[Member]) bool) {
		o := t.origins[id]
		if o == nil {
			return
		}
		for _, c := range o.cells {
			if !yield(c.name, c.part(o).each) {
				return
			}
		}
	}
}

// SetVersion says which version an origin's part has reached without a change
// of its memberships. For the writer.
func (t *Table) SetVersion(ref eventnode.NodeRef, version uint64) {
	t.origin(ref).version = version
}

// find returns an origin, nil if it is not there. It is the same one many times
// on end.
func (t *Table) find(id eventnode.NodeID) *origin {
	if t.last == nil || t.last.ref.ID != id {
		t.last = t.origins[id]
	}
	return t.last
}

// origin returns an origin, made if it is not there.
func (t *Table) origin(ref eventnode.NodeRef) *origin {
	o := t.find(ref.ID)
	if o == nil {
		o = &origin{table: t, ref: ref}
		t.origins[ref.ID], t.last = o, nil
	}
	return o
}

// Cell returns a group, nil if it has no member. For the writer.
func (t *Table) Cell(group string) *Cell { return t.cell(group) }

// Standing returns a member's standing in a group; Times is 0 if it has none.
// For the writer.
func (t *Table) Standing(ref eventnode.MemberRef, group string) Member {
	if c := t.cell(group); c != nil {
		return c.Standing(ref)
	}
	return Member{Ref: ref.Ref}
}
