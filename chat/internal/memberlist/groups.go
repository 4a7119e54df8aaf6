package memberlist

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode/sessions"
)

// The groups of those who are in none of a role.
const (
	Online  = "online"
	Offline = "offline"
)

// Role is a role that is a group of its own: it is hoisted, and can read the channel.
type Role struct {
	ID       sessions.Snowflake
	Position int
}

// Member is somebody who can read the channel.
type Member struct {
	User sessions.Snowflake
	// Name is the one that is shown.
	Name string
	// Roles may have more than those that are groups.
	Roles  []sessions.Snowflake
	Status sessions.Status
	// Payload is the member with his presence, in JSON. It is kept.
	Payload json.RawMessage
}

// group is a group, with or without members.
type group struct {
	id     string
	rank   int
	count  int
	header *node // in the tree if there are members
}

// count sets how many members a group has, and the item that says so.
func (g *group) setCount(n int) {
	g.count = n
	g.header.item = &Item{Group: &Group{g.id, n}}
}

// grouping is the groups in their order: roles by position, the highest first, and by id
// where that is equal; then those who are online, and those who are offline.
type grouping struct {
	all    []*group
	byRole map[sessions.Snowflake]*group
}

func newGrouping(roles []Role) grouping {
	roles = slices.Clone(roles)
	slices.SortFunc(roles, func(a, b Role) int {
		return cmp.Or(cmp.Compare(b.Position, a.Position), cmp.Compare(a.ID, b.ID))
	})
	g := grouping{byRole: make(map[sessions.Snowflake]*group, len(roles))}
	for _, r := range roles {
		if g.byRole[r.ID] == nil {
			g.byRole[r.ID] = g.add(r.ID.String())
		}
	}
	g.add(Online)
	g.add(Offline)
	return g
}

func (g *grouping) add(id string) *group {
	made := &group{id: id, rank: len(g.all)}
	made.header = &node{header: true, group: made, priority: xxhash.Sum64String(id)}
	g.all = append(g.all, made)
	return made
}

func (g *grouping) online() *group  { return g.all[len(g.all)-2] }
func (g *grouping) offline() *group { return g.all[len(g.all)-1] }

// of is where a member is: offline, whatever his roles, or in the first group of those he
// has.
func (g *grouping) of(m *Member) *group {
	if m.Status == sessions.Offline || m.Status == sessions.Invisible {
		return g.offline()
	}
	first := g.online()
	for _, r := range m.Roles {
		if is := g.byRole[r]; is != nil && is.rank < first.rank {
			first = is
		}
	}
	return first
}

// shown is the groups that have members.
func (g *grouping) shown() []Group {
	out := []Group{} // [] in JSON
	for _, is := range g.all {
		if is.count > 0 {
			out = append(out, Group{is.id, is.count})
		}
	}
	return out
}
