package directory

import (
	"iter"
	"slices"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// The rules are those that the Discord protocol publishes. A member's permissions in a
// guild are those of @everyone and of all his roles together. The owner has all, and so
// has who has Administrator. In a channel its overwrites change that, in this order:
//
//   - that of @everyone: what it denies is taken, what it allows is added;
//   - those of all his roles together, in the same way: one that allows wins over
//     another that denies;
//   - his own.
//
// Somebody who is no member has none, the owner included. What clients deduce from that,
// such as that nobody can write where he does not see, is theirs.

// Permissions that decide here.
const (
	Administrator uint64 = 1 << 3
	ViewChannel   uint64 = 1 << 10
	// All is every bit that can be given.
	All uint64 = 1<<63 - 1
	// DefaultPermissions are those of @everyone in a new guild: to see, read, write,
	// react, speak and listen, embed and attach, invite, start threads, use commands,
	// change one's own nick.
	DefaultPermissions uint64 = 1<<0 | 1<<6 | 1<<9 | ViewChannel | 1<<11 | 1<<14 | 1<<15 | 1<<16 | 1<<17 | 1<<18 |
		1<<20 | 1<<21 | 1<<25 | 1<<26 | 1<<31 | 1<<32 | 1<<35 | 1<<36 | 1<<37 | 1<<38 | 1<<39
	// PrivatePermissions are those of whoever is in a private channel: to see, read,
	// write, react, embed and attach, call and use commands.
	PrivatePermissions uint64 = 1<<6 | 1<<9 | ViewChannel | 1<<11 | 1<<14 | 1<<15 | 1<<16 | 1<<18 |
		1<<20 | 1<<21 | 1<<25 | 1<<31 | 1<<37
)

// Permissions is what a user may do in a channel.
func (s *State) Permissions(user, channel sessions.Snowflake) uint64 {
	c := s.channels[channel]
	switch {
	case c == nil:
		return 0
	case c.GetGuildId() == 0 && has(c.GetRecipients(), uint64(user)):
		return PrivatePermissions
	case c.GetGuildId() == 0:
		return 0
	}
	g := s.guilds[flake(c.GetGuildId())]
	m := g.member(user)
	if m == nil {
		return 0
	}
	return overwritten(s.base(g, m), c, m.GetUserId(), m.GetRoles())
}

// GuildPermissions is what a user may do in a guild, overwrites of channels apart.
func (s *State) GuildPermissions(user, guild sessions.Snowflake) uint64 {
	g := s.guilds[guild]
	if g == nil {
		return 0
	}
	m := g.member(user)
	if m == nil {
		return 0
	}
	return s.base(g, m)
}

// MayRead reports whether a user sees a channel: that of a guild by ViewChannel, a
// private one if he is in it.
func (s *State) MayRead(user, channel sessions.Snowflake) bool {
	return s.Permissions(user, channel)&ViewChannel != 0
}

// Readable is the channels of a guild that a user may read, by id. It takes a look at
// each overwrite of the guild.
func (s *State) Readable(user, guild sessions.Snowflake) []sessions.Snowflake {
	g := s.guilds[guild]
	if g == nil {
		return nil
	}
	m := g.member(user)
	if m == nil {
		return nil
	}
	base := s.base(g, m)
	list := make([]sessions.Snowflake, 0, len(g.channels))
	for _, c := range g.channels {
		if overwritten(base, c, m.GetUserId(), m.GetRoles())&ViewChannel != 0 {
			list = append(list, flake(c.GetId()))
		}
	}
	slices.Sort(list)
	return list
}

// EveryoneMayRead reports whether a member without roles and without an overwrite of
// his own may read a guild's channel.
func (s *State) EveryoneMayRead(channel sessions.Snowflake) bool {
	c := s.channels[channel]
	return c != nil && c.GetGuildId() != 0 && s.rolesMayRead(c, nil)
}

// RoleMayRead reports whether a member who has this role of the guild and no other, and
// no overwrite of his own, may read a guild's channel.
func (s *State) RoleMayRead(role, channel sessions.Snowflake) bool {
	c, r := s.channels[channel], s.roles[role]
	if c == nil || r == nil || c.GetGuildId() != r.GetGuildId() {
		return false
	}
	if r.GetId() == r.GetGuildId() {
		return s.rolesMayRead(c, nil)
	}
	return s.rolesMayRead(c, []uint64{r.GetId()})
}

// rolesMayRead is for somebody with these roles who is not the owner.
func (s *State) rolesMayRead(c *eventnodev1.DirectoryChannel, roles []uint64) bool {
	base := s.granted(c.GetGuildId(), roles)
	return overwritten(base, c, 0, roles)&ViewChannel != 0
}

// base is what a member may do in a guild, without overwrites.
func (s *State) base(g *guild, m *eventnodev1.DirectoryMember) uint64 {
	if g.row.GetOwnerId() == m.GetUserId() {
		return All
	}
	return s.granted(g.row.GetId(), m.GetRoles())
}

// granted is what @everyone and some roles permit together.
func (s *State) granted(guild uint64, roles []uint64) uint64 {
	granted := s.roles[flake(guild)].GetPermissions()
	for _, r := range roles {
		granted |= s.roles[flake(r)].GetPermissions()
	}
	if granted&Administrator != 0 {
		return All
	}
	return granted
}

// overwritten is what the overwrites of a channel make of permissions, for a user with
// roles. Who has Administrator before is not concerned.
func overwritten(base uint64, c *eventnodev1.DirectoryChannel, user uint64, roles []uint64) uint64 {
	if base&Administrator != 0 {
		return All
	}
	var everybody, member *eventnodev1.DirectoryOverwrite
	var allow, deny uint64
	for _, o := range c.GetOverwrites() {
		switch id := o.GetId(); {
		case id == c.GetGuildId():
			everybody = o
		case id == user:
			member = o
		case sortedHas(roles, id):
			allow |= o.GetAllow()
			deny |= o.GetDeny()
		}
	}
	base = base&^everybody.GetDeny() | everybody.GetAllow()
	base = base&^deny | allow
	return base&^member.GetDeny() | member.GetAllow()
}

// Affected ranges over the users that an Access is about. Of a role it looks at each
// member of the guild. No change may be applied meanwhile.
func (s *State) Affected(a Access) iter.Seq[sessions.Snowflake] {
	return func(yield func(sessions.Snowflake) bool) {
		if a.Role == 0 {
			yield(a.User)
			return
		}
		for m := range s.Members(a.Guild) {
			if (a.Role == a.Guild || hasRole(m, uint64(a.Role))) && !yield(flake(m.GetUserId())) {
				return
			}
		}
	}
}

// hasRole reports whether a role is listed of a member.
func hasRole(m *eventnodev1.DirectoryMember, role uint64) bool {
	return sortedHas(m.GetRoles(), role)
}

func sortedHas(sorted []uint64, id uint64) bool {
	_, found := slices.BinarySearch(sorted, id)
	return found
}

// has is for the few recipients of a private channel, which are not sorted.
func has(list []uint64, id uint64) bool { return slices.Contains(list, id) }
