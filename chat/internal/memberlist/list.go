package memberlist

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// Defaults of Config.
const (
	DefaultMaxSessions = 100_000
	DefaultMaxRanges   = 5
	DefaultMaxWidth    = 100
)

// Config of a List.
type Config struct {
	// Guild and ID are what clients know the list by; see ID.
	Guild sessions.Snowflake
	ID    string
	// MaxSessions bounds those that subscribe. Defaults to 100,000.
	MaxSessions int
	// MaxRanges bounds the ranges of one session, and MaxWidth the places of one range.
	// Each change costs a look at each different set of ranges. Default to 5 and 100,
	// which is what clients ask for at most.
	MaxRanges, MaxWidth int
}

func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"MaxSessions", &c.MaxSessions, DefaultMaxSessions},
		{"MaxRanges", &c.MaxRanges, DefaultMaxRanges},
		{"MaxWidth", &c.MaxWidth, DefaultMaxWidth},
	} {
		switch {
		case *f.value < 0:
			return c, fmt.Errorf("%s is %d: %w", f.name, *f.value, eventnode.ErrInvalidArgument)
		case *f.value == 0:
			*f.value = f.def
		}
	}
	return c, nil
}

// List is the member list of those channels of a guild that the same people can read.
type List struct {
	cfg     Config
	groups  grouping
	shown   []Group // groups.shown; nil: has changed
	members map[sessions.Snowflake]*node
	items   tree
	viewers viewers
}

// New makes a list that has neither roles nor members: Rebuild it.
func New(cfg Config) (*List, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &List{cfg: cfg, groups: newGrouping(nil), members: map[sessions.Snowflake]*node{}, viewers: newViewers()}, nil
}

// Rebuild replaces all roles and members: at the beginning, and when roles or overwrites
// have changed. Each session is sent its ranges anew. Of a user who is said twice the
// last one counts.
func (l *List) Rebuild(roles []Role, members iter.Seq[Member]) []Change {
	l.groups, l.shown, l.items = newGrouping(roles), nil, tree{}
	l.members = map[sessions.Snowflake]*node{}
	for m := range members {
		l.members[m.User] = l.node(&m)
	}
	all := make([]*node, 0, len(l.members)+len(l.groups.all))
	for _, n := range l.members {
		all = append(all, n)
		n.group.count++
	}
	for _, g := range l.groups.all {
		if g.setCount(g.count); g.count > 0 {
			all = append(all, g.header)
		}
	}
	slices.SortFunc(all, (*node).compare)
	for _, n := range all {
		l.items.append(n)
	}
	return l.syncAll()
}

// node is a member who is not in the list yet.
func (l *List) node(m *Member) *node {
	return &node{
		priority: priority(m.User), group: l.groups.of(m), name: sortName(m.Name),
		user: m.User, item: &Item{Member: m.Payload},
	}
}

// sortName is what a name is sorted by: it matters not how it is capitalized.
func sortName(name string) string { return strings.ToLower(name) }

// Put adds a member, or replaces him: his name, roles, status and payload. Nothing is
// told if clients can see no difference.
func (l *List) Put(m Member) []Change {
	n, is := l.members[m.User], l.node(&m)
	switch {
	case n == nil:
		l.members[m.User] = is
		l.grow(is.group)
		l.insert(is)
	case n.group != is.group:
		l.regroup(n, is)
	case n.name != is.name:
		l.move(n, is)
	default:
		l.renew(n, is.item)
	}
	return l.told()
}

// Remove takes a member out, if he is in.
func (l *List) Remove(user sessions.Snowflake) []Change {
	n := l.members[user]
	if n == nil {
		return nil
	}
	delete(l.members, user)
	l.remove(n)
	l.shrink(n.group)
	return l.told()
}

// regroup moves a member to another group.
func (l *List) regroup(n, is *node) {
	from, to := n.group, is.group
	if from.count > 1 || to.count > 0 {
		l.grow(to)
		l.move(n, is)
		l.shrink(from)
		return
	}
	// One header instead of another: what is behind both stays where it is. If nobody is
	// in between, the member keeps his place: what goes down goes before its header.
	if to.rank > from.rank {
		l.move(n, is)
		l.rehead(from, to)
	} else {
		l.rehead(from, to)
		l.move(n, is)
	}
}

// rehead counts the only member of a group in another one, where he is the first.
func (l *List) rehead(from, to *group) {
	from.setCount(0)
	to.setCount(1)
	l.shown = nil
	l.tell(l.items.remove(from.header), l.items.insert(to.header), l.items.len())
}

// grow counts one more member; the header comes with the first one.
func (l *List) grow(g *group) {
	l.shown = nil
	if g.setCount(g.count + 1); g.count == 1 {
		l.insert(g.header)
	} else {
		l.update(g.header)
	}
}

// shrink counts one member less; the header goes with the last one.
func (l *List) shrink(g *group) {
	l.shown = nil
	if g.setCount(g.count - 1); g.count == 0 {
		l.remove(g.header)
	} else {
		l.update(g.header)
	}
}

func (l *List) insert(n *node) {
	size := l.items.len()
	l.tell(size, l.items.insert(n), size)
}

func (l *List) remove(n *node) {
	size := l.items.len()
	l.tell(l.items.remove(n), size-1, size)
}

func (l *List) move(n, is *node) {
	from := l.items.remove(n)
	n.group, n.name = is.group, is.name
	to := l.items.insert(n)
	if from == to {
		l.renew(n, is.item)
		return
	}
	n.item = is.item
	l.tell(from, to, l.items.len())
}

// renew replaces a member in his place.
func (l *List) renew(n *node, is *Item) {
	if !bytes.Equal(n.item.Member, is.Member) {
		n.item = is
		l.update(n)
	}
}

// Len is how many members there are.
func (l *List) Len() int { return len(l.members) }

// change is the frame of a Change.
func (l *List) change(ops []Op, to ...[]sessions.ID) Change {
	if l.shown == nil {
		l.shown = l.groups.shown()
	}
	return Change{
		GuildID: l.cfg.Guild, ID: l.cfg.ID, Ops: ops, Groups: l.shown,
		MemberCount: len(l.members), OnlineCount: len(l.members) - l.groups.offline().count, to: to,
	}
}
