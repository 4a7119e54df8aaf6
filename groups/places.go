package groups

import (
	"slices"

	"github.com/eventnode/eventnode/groups/internal/table"
)

// fewPlaces is up to where a list is searched; beyond it is a map.
const fewPlaces = 16

// places is the set of groups that a member is in, in all scopes. Most are in
// one. Groups are named by their cells, which a table keeps as long as anybody
// is in them: 8 bytes instead of two strings.
type places struct {
	one  *table.Cell
	few  []*table.Cell
	many map[*table.Cell]struct{}
}

func (p *places) add(c *table.Cell) {
	switch {
	case p.many != nil:
		p.many[c] = struct{}{}
	case p.one == c || slices.Contains(p.few, c):
	case p.one == nil:
		p.one = c
	case len(p.few) < fewPlaces:
		p.few = append(p.few, c)
	default:
		p.many = make(map[*table.Cell]struct{}, 2*fewPlaces)
		for w := range p.all {
			p.many[w] = struct{}{}
		}
		p.many[c] = struct{}{}
		p.one, p.few = nil, nil
	}
}

func (p *places) remove(c *table.Cell) {
	if p.one == c {
		p.one = nil
	}
	delete(p.many, c)
	if i := slices.Index(p.few, c); i >= 0 {
		last := len(p.few) - 1
		p.few[i], p.few[last] = p.few[last], nil
		p.few = p.few[:last]
	}
}

// all calls yield with each group, until it returns false.
func (p *places) all(yield func(*table.Cell) bool) {
	if p.one != nil && !yield(p.one) {
		return
	}
	for _, c := range p.few {
		if !yield(c) {
			return
		}
	}
	if len(p.few) > 0 {
		return
	}
	for c := range p.many {
		if !yield(c) {
			return
		}
	}
}
