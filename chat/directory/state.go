package directory

import (
	"cmp"
	"iter"
	"slices"

	"github.com/google/btree"
	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// State is a directory: what the changes that were applied have made of nothing. The
// same changes make the same of it everywhere. It has no lock: whoever applies changes
// while others read holds one.
//
// The rows that it returns are shared and do not change; do not change them either.
type State struct {
	limits   Limits
	guilds   map[sessions.Snowflake]*guild
	roles    map[sessions.Snowflake]*eventnodev1.DirectoryRole
	channels map[sessions.Snowflake]*eventnodev1.DirectoryChannel
	users    map[sessions.Snowflake]*person
	rows     Rows
}

// guild is a guild with what is in it.
type guild struct {
	row *eventnodev1.DirectoryGuild
	// Both slices are handed out, so a change makes new ones.
	roles    []*eventnodev1.DirectoryRole
	channels []*eventnodev1.DirectoryChannel
	members  *btree.BTreeG[*eventnodev1.DirectoryMember] // by user
}

// person is a user with where he is. The slices are sorted.
type person struct {
	row                      *eventnodev1.DirectoryUser
	guilds, private, friends []sessions.Snowflake
	owns                     int // guilds
}

// degree of the trees of members: 8 to 15 a node, for most guilds are small.
const degree = 8

// Rows counts what a State holds.
type Rows struct {
	Guilds, Roles, Channels, Members, Users, Friendships int
	// Private is how many of the channels are.
	Private int
	// Bytes is about how much memory all that takes.
	Bytes int
}

// rowBytes is about what a row costs besides its content: a Go struct, and places in
// maps and slices.
const rowBytes = 250

// New makes an empty State.
func New(limits Limits) (*State, error) {
	limits, err := limits.withDefaults()
	if err != nil {
		return nil, err
	}
	return &State{
		limits:   limits,
		guilds:   map[sessions.Snowflake]*guild{},
		roles:    map[sessions.Snowflake]*eventnodev1.DirectoryRole{},
		channels: map[sessions.Snowflake]*eventnodev1.DirectoryChannel{},
		users:    map[sessions.Snowflake]*person{},
	}, nil
}

// Rows counts the rows.
func (s *State) Rows() Rows { return s.rows }

// Len is how many rows there are.
func (s *State) Len() int {
	r := s.rows
	return r.Guilds + r.Roles + r.Channels + r.Members + r.Users + r.Friendships
}

// count takes note of a row that came, went or was replaced.
func count[T proto.Message](s *State, kind *int, p Pair[T]) {
	if before := p.Before.ProtoReflect(); before.IsValid() {
		*kind--
		s.rows.Bytes -= rowBytes + proto.Size(p.Before)
	}
	if after := p.After.ProtoReflect(); after.IsValid() {
		*kind++
		s.rows.Bytes += rowBytes + proto.Size(p.After)
	}
}

// Guild is a guild; nil if it is not there.
func (s *State) Guild(guild sessions.Snowflake) *eventnodev1.DirectoryGuild {
	if g := s.guilds[guild]; g != nil {
		return g.row
	}
	return nil
}

// Role is a role; nil if it is not there.
func (s *State) Role(role sessions.Snowflake) *eventnodev1.DirectoryRole { return s.roles[role] }

// Channel is a channel, of a guild or private; nil if it is not there.
func (s *State) Channel(channel sessions.Snowflake) *eventnodev1.DirectoryChannel {
	return s.channels[channel]
}

// User is a user; nil if he is not there.
func (s *State) User(user sessions.Snowflake) *eventnodev1.DirectoryUser {
	if u := s.users[user]; u != nil {
		return u.row
	}
	return nil
}

// Member is a user in a guild; nil if he is not there.
func (s *State) Member(guild, user sessions.Snowflake) *eventnodev1.DirectoryMember {
	g := s.guilds[guild]
	if g == nil {
		return nil
	}
	return g.member(user)
}

func (g *guild) member(user sessions.Snowflake) *eventnodev1.DirectoryMember {
	m, _ := g.members.Get(&eventnodev1.DirectoryMember{UserId: uint64(user)})
	return m
}

// Members ranges over the members of a guild, by user. No change may be applied
// meanwhile.
func (s *State) Members(guild sessions.Snowflake) iter.Seq[*eventnodev1.DirectoryMember] {
	return func(yield func(*eventnodev1.DirectoryMember) bool) {
		if g := s.guilds[guild]; g != nil {
			g.members.Ascend(yield)
		}
	}
}

// MemberCount is how many members a guild has.
func (s *State) MemberCount(guild sessions.Snowflake) int {
	if g := s.guilds[guild]; g != nil {
		return g.members.Len()
	}
	return 0
}

// Roles is the roles of a guild: the highest position first, equal ones by id. The
// slice is shared: do not change it.
func (s *State) Roles(guild sessions.Snowflake) []*eventnodev1.DirectoryRole {
	if g := s.guilds[guild]; g != nil {
		return g.roles
	}
	return nil
}

// Channels is the channels of a guild: the lowest position first, equal ones by id. The
// slice is shared: do not change it.
func (s *State) Channels(guild sessions.Snowflake) []*eventnodev1.DirectoryChannel {
	if g := s.guilds[guild]; g != nil {
		return g.channels
	}
	return nil
}

// Guilds is the guilds that a user is in, by id.
func (s *State) Guilds(user sessions.Snowflake) []sessions.Snowflake {
	return s.of(user, func(u *person) []sessions.Snowflake { return u.guilds })
}

// PrivateChannels is the private channels that a user is in, by id.
func (s *State) PrivateChannels(user sessions.Snowflake) []sessions.Snowflake {
	return s.of(user, func(u *person) []sessions.Snowflake { return u.private })
}

// Friends is the friends of a user, by id.
func (s *State) Friends(user sessions.Snowflake) []sessions.Snowflake {
	return s.of(user, func(u *person) []sessions.Snowflake { return u.friends })
}

// of is a copy of a list of a user's.
func (s *State) of(user sessions.Snowflake, list func(*person) []sessions.Snowflake) []sessions.Snowflake {
	if u := s.users[user]; u != nil {
		return slices.Clone(list(u))
	}
	return nil
}

// insert puts an id into a sorted list that does not have it.
func insert(list *[]sessions.Snowflake, id sessions.Snowflake) {
	at, _ := slices.BinarySearch(*list, id)
	*list = slices.Insert(*list, at, id)
}

// remove takes an id out of a sorted list.
func remove(list *[]sessions.Snowflake, id sessions.Snowflake) {
	if at, found := slices.BinarySearch(*list, id); found {
		*list = slices.Delete(*list, at, at+1)
	}
}

// replace is a sorted slice with a row in the place of another; either may be nil.
func replace[T comparable](sorted []T, before, after T, compare func(a, b T) int) []T {
	var none T
	next := make([]T, 0, len(sorted)+1)
	for _, row := range sorted {
		if row != before {
			next = append(next, row)
		}
	}
	if after != none {
		at, _ := slices.BinarySearchFunc(next, after, compare)
		next = slices.Insert(next, at, after)
	}
	return next
}

// byRank orders roles.
func byRank(a, b *eventnodev1.DirectoryRole) int {
	return cmp.Or(cmp.Compare(b.GetPosition(), a.GetPosition()), cmp.Compare(a.GetId(), b.GetId()))
}

// byPlace orders channels.
func byPlace(a, b *eventnodev1.DirectoryChannel) int {
	return cmp.Or(cmp.Compare(a.GetPosition(), b.GetPosition()), cmp.Compare(a.GetId(), b.GetId()))
}

func byUser(a, b *eventnodev1.DirectoryMember) bool { return a.GetUserId() < b.GetUserId() }
