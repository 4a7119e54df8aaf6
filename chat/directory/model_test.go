package directory

import (
	"cmp"
	"math/rand/v2"
	"slices"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// model is a directory as a reader of the protocol's documentation would write it: lists
// of rows, looked through from the start each time.
type model struct {
	limits      Limits
	guilds      []*eventnodev1.DirectoryGuild
	roles       []*eventnodev1.DirectoryRole
	channels    []*eventnodev1.DirectoryChannel
	members     []*eventnodev1.DirectoryMember
	users       []*eventnodev1.DirectoryUser
	friendships []*eventnodev1.DirectoryFriendship
}

func find[T any](list []T, is func(T) bool) (found T) {
	for _, row := range list {
		if is(row) {
			return row
		}
	}
	return found
}

func count1[T any](list []T, is func(T) bool) (n int) {
	for _, row := range list {
		if is(row) {
			n++
		}
	}
	return n
}

func drop[T any](list *[]T, is func(T) bool) { *list = slices.DeleteFunc(slices.Clone(*list), is) }

func (m *model) guild(id uint64) *eventnodev1.DirectoryGuild {
	return find(m.guilds, func(g *eventnodev1.DirectoryGuild) bool { return g.Id == id })
}

func (m *model) role(id uint64) *eventnodev1.DirectoryRole {
	return find(m.roles, func(r *eventnodev1.DirectoryRole) bool { return r.Id == id })
}

func (m *model) channel(id uint64) *eventnodev1.DirectoryChannel {
	return find(m.channels, func(c *eventnodev1.DirectoryChannel) bool { return c.Id == id })
}

func (m *model) user(id uint64) *eventnodev1.DirectoryUser {
	return find(m.users, func(u *eventnodev1.DirectoryUser) bool { return u.Id == id })
}

func (m *model) member(guild, user uint64) *eventnodev1.DirectoryMember {
	return find(m.members, func(x *eventnodev1.DirectoryMember) bool { return x.GuildId == guild && x.UserId == user })
}

func (m *model) friends(a, b uint64) *eventnodev1.DirectoryFriendship {
	return find(m.friendships, func(f *eventnodev1.DirectoryFriendship) bool {
		return f.UserA == min(a, b) && f.UserB == max(a, b)
	})
}

// other reports whether an id is that of another kind of row.
func (m *model) other(kind string, id uint64) bool {
	return kind != "guild" && m.guild(id) != nil || kind != "user" && m.user(id) != nil ||
		kind != "channel" && m.channel(id) != nil || kind != "role" && kind != "guild" && m.role(id) != nil ||
		kind == "guild" && m.role(id) != nil && m.guild(id) == nil
}

// apply applies a change, or reports that it does not fit.
func (m *model) apply(c *eventnodev1.DirectoryChange) bool {
	switch c := c.Change.(type) {
	case *eventnodev1.DirectoryChange_PutGuild:
		return m.putGuild(c.PutGuild)
	case *eventnodev1.DirectoryChange_DeleteGuild:
		id := c.DeleteGuild
		there := m.guild(id) != nil
		drop(&m.guilds, func(g *eventnodev1.DirectoryGuild) bool { return g.Id == id })
		drop(&m.roles, func(r *eventnodev1.DirectoryRole) bool { return r.GuildId == id })
		drop(&m.channels, func(c *eventnodev1.DirectoryChannel) bool { return id != 0 && c.GuildId == id })
		drop(&m.members, func(x *eventnodev1.DirectoryMember) bool { return x.GuildId == id })
		return there
	case *eventnodev1.DirectoryChange_PutRole:
		return m.putRole(c.PutRole)
	case *eventnodev1.DirectoryChange_DeleteRole:
		return m.deleteRole(c.DeleteRole)
	case *eventnodev1.DirectoryChange_PutChannel:
		return m.putChannel(tidyChannel(c.PutChannel))
	case *eventnodev1.DirectoryChange_DeleteChannel:
		there := m.channel(c.DeleteChannel) != nil
		drop(&m.channels, func(x *eventnodev1.DirectoryChannel) bool { return x.Id == c.DeleteChannel })
		if there {
			m.eachChannel(func(x *eventnodev1.DirectoryChannel) {
				if x.ParentId == c.DeleteChannel {
					x.ParentId = 0
				}
			})
		}
		return there
	case *eventnodev1.DirectoryChange_PutMember:
		return m.putMember(tidyMember(c.PutMember))
	case *eventnodev1.DirectoryChange_DeleteMember:
		return m.deleteMember(c.DeleteMember.GuildId, c.DeleteMember.UserId)
	case *eventnodev1.DirectoryChange_PutUser:
		u := c.PutUser
		if m.other("user", u.Id) || m.user(u.Id) == nil && len(m.users) >= m.limits.Users {
			return false
		}
		drop(&m.users, func(x *eventnodev1.DirectoryUser) bool { return x.Id == u.Id })
		m.users = append(m.users, u)
		return true
	case *eventnodev1.DirectoryChange_DeleteUser:
		return m.deleteUser(c.DeleteUser)
	case *eventnodev1.DirectoryChange_PutFriendship:
		return m.putFriendship(c.PutFriendship.UserA, c.PutFriendship.UserB)
	case *eventnodev1.DirectoryChange_DeleteFriendship:
		f := m.friends(c.DeleteFriendship.UserA, c.DeleteFriendship.UserB)
		drop(&m.friendships, func(x *eventnodev1.DirectoryFriendship) bool { return x == f })
		return f != nil
	}
	return false
}

// eachChannel changes channels, each a copy: rows are shared.
func (m *model) eachChannel(change func(*eventnodev1.DirectoryChannel)) {
	m.channels = slices.Clone(m.channels)
	for i, c := range m.channels {
		m.channels[i] = tidyChannel(c)
		change(m.channels[i])
	}
}

func (m *model) putGuild(g *eventnodev1.DirectoryGuild) bool {
	fresh := m.guild(g.Id) == nil
	if m.other("guild", g.Id) || m.user(g.OwnerId) == nil || fresh && len(m.guilds) >= m.limits.Guilds {
		return false
	}
	drop(&m.guilds, func(x *eventnodev1.DirectoryGuild) bool { return x.Id == g.Id })
	m.guilds = append(m.guilds, g)
	if fresh {
		m.roles = append(m.roles, &eventnodev1.DirectoryRole{Id: g.Id, GuildId: g.Id, Name: "@everyone", Permissions: DefaultPermissions})
	}
	return true
}

func (m *model) putRole(r *eventnodev1.DirectoryRole) bool {
	before := m.role(r.Id)
	switch {
	case m.guild(r.GuildId) == nil:
		return false
	case before != nil && before.GuildId != r.GuildId:
		return false
	case before == nil && m.other("role", r.Id):
		return false
	case before == nil && count1(m.roles, func(x *eventnodev1.DirectoryRole) bool { return x.GuildId == r.GuildId }) >= m.limits.RolesPerGuild:
		return false
	}
	drop(&m.roles, func(x *eventnodev1.DirectoryRole) bool { return x.Id == r.Id })
	m.roles = append(m.roles, r)
	return true
}

func (m *model) deleteRole(id uint64) bool {
	r := m.role(id)
	if r == nil || r.GuildId == id {
		return false
	}
	drop(&m.roles, func(x *eventnodev1.DirectoryRole) bool { return x.Id == id })
	m.dropOverwrites(0, id)
	m.members = slices.Clone(m.members)
	for i, x := range m.members {
		m.members[i] = tidyMember(x)
		drop(&m.members[i].Roles, func(r uint64) bool { return r == id })
	}
	return true
}

// dropOverwrites takes out those of a role or user, of a guild or all.
func (m *model) dropOverwrites(guild, id uint64) {
	m.eachChannel(func(c *eventnodev1.DirectoryChannel) {
		if guild == 0 || c.GuildId == guild {
			drop(&c.Overwrites, func(o *eventnodev1.DirectoryOverwrite) bool { return o.Id == id })
		}
	})
}

func (m *model) putChannel(c *eventnodev1.DirectoryChannel) bool {
	before := m.channel(c.Id)
	if m.other("channel", c.Id) || before != nil && before.GuildId != c.GuildId {
		return false
	}
	if c.GuildId == 0 && !m.privateFits(before, c) || c.GuildId != 0 && !m.guildChannelFits(before, c) {
		return false
	}
	drop(&m.channels, func(x *eventnodev1.DirectoryChannel) bool { return x.Id == c.Id })
	m.channels = append(m.channels, c)
	return true
}

func (m *model) privateFits(before, c *eventnodev1.DirectoryChannel) bool {
	n, most := len(c.Recipients), m.limits.Recipients
	if c.Type == 1 {
		most = 2
	}
	for i, u := range c.Recipients {
		if m.user(u) == nil || slices.Contains(c.Recipients[:i], u) {
			return false
		}
	}
	private := count1(m.channels, func(x *eventnodev1.DirectoryChannel) bool { return x.GuildId == 0 })
	return n > 0 && n <= most && (c.OwnerId == 0 || slices.Contains(c.Recipients, c.OwnerId)) &&
		(before != nil || private < m.limits.PrivateChannels)
}

func (m *model) guildChannelFits(before, c *eventnodev1.DirectoryChannel) bool {
	inGuild := count1(m.channels, func(x *eventnodev1.DirectoryChannel) bool { return x.GuildId == c.GuildId })
	children := count1(m.channels, func(x *eventnodev1.DirectoryChannel) bool { return x.ParentId == c.Id })
	parent := m.channel(c.ParentId)
	switch {
	case m.guild(c.GuildId) == nil:
		return false
	case before == nil && inGuild >= m.limits.ChannelsPerGuild:
		return false
	case before != nil && before.Type == 4 && c.Type != 4 && children > 0:
		return false
	case c.ParentId != 0 && (c.ParentId == c.Id || c.Type == 4 || parent == nil || parent.GuildId != c.GuildId || parent.Type != 4):
		return false
	case len(c.Overwrites) > m.limits.OverwritesPerChannel:
		return false
	}
	for _, o := range c.Overwrites {
		r := m.role(o.Id)
		switch {
		case count1(c.Overwrites, func(p *eventnodev1.DirectoryOverwrite) bool { return p.Id == o.Id }) > 1:
			return false
		case o.Kind == 1 && (r == nil || r.GuildId != c.GuildId):
			return false
		case o.Kind == 2 && m.member(c.GuildId, o.Id) == nil:
			return false
		}
	}
	return true
}

func (m *model) putMember(x *eventnodev1.DirectoryMember) bool {
	fresh := m.member(x.GuildId, x.UserId) == nil
	there := count1(m.members, func(y *eventnodev1.DirectoryMember) bool { return y.GuildId == x.GuildId })
	if m.guild(x.GuildId) == nil || m.user(x.UserId) == nil || fresh && there >= m.limits.MembersPerGuild {
		return false
	}
	for i, id := range x.Roles {
		if r := m.role(id); r == nil || r.GuildId != x.GuildId || id == x.GuildId || slices.Contains(x.Roles[:i], id) {
			return false
		}
	}
	drop(&m.members, func(y *eventnodev1.DirectoryMember) bool { return y.GuildId == x.GuildId && y.UserId == x.UserId })
	m.members = append(m.members, x)
	return true
}

func (m *model) deleteMember(guild, user uint64) bool {
	if m.member(guild, user) == nil {
		return false
	}
	drop(&m.members, func(y *eventnodev1.DirectoryMember) bool { return y.GuildId == guild && y.UserId == user })
	m.dropOverwrites(guild, user)
	return true
}

func (m *model) deleteUser(id uint64) bool {
	if m.user(id) == nil || find(m.guilds, func(g *eventnodev1.DirectoryGuild) bool { return g.OwnerId == id }) != nil {
		return false
	}
	for _, g := range m.guilds {
		m.deleteMember(g.Id, id)
	}
	m.eachChannel(func(c *eventnodev1.DirectoryChannel) {
		drop(&c.Recipients, func(u uint64) bool { return u == id })
		if c.OwnerId == id {
			c.OwnerId = cmp.Or(append(c.Recipients, 0)[0], 0)
		}
	})
	drop(&m.channels, func(c *eventnodev1.DirectoryChannel) bool { return c.GuildId == 0 && len(c.Recipients) == 0 })
	drop(&m.friendships, func(f *eventnodev1.DirectoryFriendship) bool { return f.UserA == id || f.UserB == id })
	drop(&m.users, func(u *eventnodev1.DirectoryUser) bool { return u.Id == id })
	return true
}

func (m *model) putFriendship(a, b uint64) bool {
	of := func(u uint64) int {
		return count1(m.friendships, func(f *eventnodev1.DirectoryFriendship) bool { return f.UserA == u || f.UserB == u })
	}
	switch {
	case m.user(a) == nil || m.user(b) == nil || a == b:
		return false
	case m.friends(a, b) != nil:
		return true
	case max(of(a), of(b)) >= m.limits.FriendsPerUser:
		return false
	}
	m.friendships = append(m.friendships, friendship(flake(a), flake(b)))
	return true
}

// permissions is the published algorithm, step by step.
func (m *model) permissions(user, channel uint64) uint64 {
	c := m.channel(channel)
	if c == nil {
		return 0
	}
	if c.GuildId == 0 {
		if slices.Contains(c.Recipients, user) {
			return PrivatePermissions
		}
		return 0
	}
	x := m.member(c.GuildId, user)
	if x == nil {
		return 0
	}
	if m.guild(c.GuildId).OwnerId == user {
		return All
	}
	return m.computed(c, x.Roles, user)
}

func (m *model) computed(c *eventnodev1.DirectoryChannel, roles []uint64, user uint64) uint64 {
	p := m.role(c.GuildId).Permissions
	for _, r := range roles {
		p |= m.role(r).Permissions
	}
	if p&(1<<3) != 0 {
		return All
	}
	for _, o := range c.Overwrites {
		if o.Id == c.GuildId {
			p &^= o.Deny
			p |= o.Allow
		}
	}
	var allow, deny uint64
	for _, r := range roles {
		for _, o := range c.Overwrites {
			if o.Id == r {
				allow |= o.Allow
				deny |= o.Deny
			}
		}
	}
	p &^= deny
	p |= allow
	for _, o := range c.Overwrites {
		if o.Id == user && o.Kind == 2 {
			p &^= o.Deny
			p |= o.Allow
		}
	}
	return p
}

// The ids of the random changes: few, so that they meet.
func someUser(r *rand.Rand) uint64    { return someID(r, 1, 8) }
func someGuild(r *rand.Rand) uint64   { return someID(r, 11, 3) }
func someRole(r *rand.Rand) uint64    { return someID(r, 21, 9) }
func someChannel(r *rand.Rand) uint64 { return someID(r, 31, 14) }

// home is the guild that a role or channel mostly is of, so that rows of one guild meet.
func home(r *rand.Rand, id uint64) uint64 {
	if r.IntN(10) == 0 {
		return someGuild(r)
	}
	return 11 + id%2
}

// someRoleOf is a role that is mostly of a guild.
func someRoleOf(r *rand.Rand, guild uint64) uint64 {
	id := someRole(r)
	if r.IntN(10) > 0 && id%2 != (guild-11)%2 {
		id++
	}
	return id
}

// someID is one of n from first on, and now and then one of another kind.
func someID(r *rand.Rand, first, n uint64) uint64 {
	if r.IntN(40) == 0 {
		return 1 + r.Uint64N(45)
	}
	return first + r.Uint64N(n)
}

// somePermissions are such as matter, and one that does not.
func somePermissions(r *rand.Rand) (p uint64) {
	for _, bit := range []uint64{ViewChannel, ViewChannel, 1 << 11} {
		if r.IntN(3) == 0 {
			p |= bit
		}
	}
	if r.IntN(12) == 0 {
		p |= Administrator
	}
	return p
}

func many[T any](r *rand.Rand, most int, one func() T) (list []T) {
	for range r.IntN(most + 1) {
		list = append(list, one())
	}
	return list
}

// name is one of few.
func name(r *rand.Rand) string { return string(rune('a' + r.IntN(5))) }

// someChange is a random change.
func someChange(r *rand.Rand) *eventnodev1.DirectoryChange {
	switch r.IntN(24) {
	case 0, 1:
		return PutGuild(&eventnodev1.DirectoryGuild{Id: someGuild(r), OwnerId: someUser(r), Name: name(r)})
	case 2:
		return DeleteGuild(flake(someGuild(r) + uint64(r.IntN(4)))) // not too often
	case 3, 4, 5:
		role := someRole(r)
		guild := home(r, role)
		if r.IntN(4) == 0 {
			role = guild
		}
		return PutRole(&eventnodev1.DirectoryRole{Id: role, GuildId: guild, Name: name(r), Position: uint32(r.IntN(4)), Permissions: somePermissions(r), Hoist: r.IntN(2) == 0})
	case 6:
		return DeleteRole(flake(someRole(r)))
	case 7, 8, 9, 10:
		return PutChannel(someGuildChannel(r))
	case 11, 12:
		c := &eventnodev1.DirectoryChannel{Id: someChannel(r), Type: uint32(1 + 2*r.IntN(2)), Recipients: many(r, 4, func() uint64 { return someUser(r) })}
		if c.Type == 3 && len(c.Recipients) > 0 {
			c.OwnerId = c.Recipients[r.IntN(len(c.Recipients))]
		}
		return PutChannel(c)
	case 13:
		return DeleteChannel(flake(someChannel(r)))
	case 14, 15, 16, 17:
		guild := someGuild(r)
		return PutMember(&eventnodev1.DirectoryMember{GuildId: guild, UserId: someUser(r), Nick: name(r), Roles: many(r, 2, func() uint64 { return someRoleOf(r, guild) })})
	case 18:
		return DeleteMember(flake(someGuild(r)), flake(someUser(r)))
	case 19, 20:
		return PutUser(&eventnodev1.DirectoryUser{Id: someUser(r), Username: name(r)})
	case 21:
		return DeleteUser(flake(someUser(r)))
	case 22:
		return PutFriendship(flake(someUser(r)), flake(someUser(r)))
	default:
		return DeleteFriendship(flake(someUser(r)), flake(someUser(r)))
	}
}

func someGuildChannel(r *rand.Rand) *eventnodev1.DirectoryChannel {
	id := someChannel(r)
	c := &eventnodev1.DirectoryChannel{Id: id, GuildId: home(r, id), Name: name(r), Position: uint32(r.IntN(4))}
	if id%4 < 2 != (r.IntN(10) == 0) { // mostly the same ones
		c.Type = Category
	}
	if c.Type == 0 && r.IntN(2) == 0 {
		c.ParentId = someChannel(r)
	}
	c.Overwrites = many(r, 3, func() *eventnodev1.DirectoryOverwrite {
		o := &eventnodev1.DirectoryOverwrite{Allow: somePermissions(r), Deny: somePermissions(r)}
		switch r.IntN(3) {
		case 0:
			o.Kind, o.Id = 1, c.GuildId
		case 1:
			o.Kind, o.Id = 1, someRoleOf(r, c.GuildId)
		default:
			o.Kind, o.Id = 2, someUser(r)
		}
		return o
	})
	return c
}
