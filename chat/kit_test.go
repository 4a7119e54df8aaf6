package chat

import (
	"fmt"
	"testing"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// The directory of most tests. Of two shards the first has guild one, the second guild two.
const (
	ann  sessions.Snowflake = 1
	ben  sessions.Snowflake = 2
	cleo sessions.Snowflake = 3
	dan  sessions.Snowflake = 4 // in no guild, nobody's friend

	one sessions.Snowflake = 100 << 22
	two sessions.Snowflake = 101 << 22

	open1  sessions.Snowflake = 1001 // of guild one, for everybody
	staff1 sessions.Snowflake = 1002 // of guild one, for who has the role mods
	open2  sessions.Snowflake = 1003 // of guild two
	direct sessions.Snowflake = 1010 // ann and ben
	group  sessions.Snowflake = 1011 // ann, ben and cleo

	mods sessions.Snowflake = 2001 // of guild one: ann
)

// peopled is a world of three nodes with that directory: ann, ben and cleo are in both
// guilds, ann is a friend of the two others.
func peopled(t testing.TB, with ...func(*Config)) *world {
	t.Helper()
	w := newWorld(t, 3, with...)
	w.change(
		user(ann), user(ben), user(cleo), user(dan),
		guild(one), guild(two), role(mods, one, 0),
		member(one, ann, mods), member(one, ben), member(one, cleo),
		member(two, ann), member(two, ben), member(two, cleo),
		channel(open1, one), channel(staff1, one, denied(one), allowed(mods)), channel(open2, two),
		private(direct, directory.Direct, ann, ben), private(group, directory.Group, ann, ben, cleo),
		directory.PutFriendship(ann, ben), directory.PutFriendship(ann, cleo),
	)
	return w
}

func user(id sessions.Snowflake) *eventnodev1.DirectoryChange {
	return directory.PutUser(&eventnodev1.DirectoryUser{Id: uint64(id), Username: fmt.Sprintf("user%02d", id)})
}

func guild(id sessions.Snowflake) *eventnodev1.DirectoryChange {
	return directory.PutGuild(&eventnodev1.DirectoryGuild{Id: uint64(id), OwnerId: uint64(dan), Name: fmt.Sprint("guild", id)})
}

func role(id, guild sessions.Snowflake, permissions uint64) *eventnodev1.DirectoryChange {
	return directory.PutRole(&eventnodev1.DirectoryRole{Id: uint64(id), GuildId: uint64(guild), Name: "role", Permissions: permissions, Position: uint32(id % 100), Hoist: id != guild})
}

func member(guild, user sessions.Snowflake, roles ...sessions.Snowflake) *eventnodev1.DirectoryChange {
	m := &eventnodev1.DirectoryMember{GuildId: uint64(guild), UserId: uint64(user)}
	for _, r := range roles {
		m.Roles = append(m.Roles, uint64(r))
	}
	return directory.PutMember(m)
}

func channel(id, guild sessions.Snowflake, overwrites ...*eventnodev1.DirectoryOverwrite) *eventnodev1.DirectoryChange {
	return directory.PutChannel(&eventnodev1.DirectoryChannel{Id: uint64(id), GuildId: uint64(guild), Name: "channel", Overwrites: overwrites})
}

func denied(role sessions.Snowflake) *eventnodev1.DirectoryOverwrite {
	return &eventnodev1.DirectoryOverwrite{Id: uint64(role), Kind: eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_ROLE, Deny: directory.ViewChannel}
}

func allowed(role sessions.Snowflake) *eventnodev1.DirectoryOverwrite {
	return &eventnodev1.DirectoryOverwrite{Id: uint64(role), Kind: eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_ROLE, Allow: directory.ViewChannel}
}

func private(id sessions.Snowflake, kind uint32, users ...sessions.Snowflake) *eventnodev1.DirectoryChange {
	c := &eventnodev1.DirectoryChannel{Id: uint64(id), Type: kind}
	for _, u := range users {
		c.Recipients = append(c.Recipients, uint64(u))
	}
	return directory.PutChannel(c)
}

// whole is a session of a user for all his guilds, sharded one for some of them.
func whole(user sessions.Snowflake) sessions.Identity { return sessions.Identity{User: user} }

func sharded(user sessions.Snowflake, index, count uint32) sessions.Identity {
	return sessions.Identity{User: user, Shard: sessions.Shard{Index: index, Count: count}}
}

// allOf are all sessions of users.
func allOf(users ...sessions.Snowflake) (out []*eventnodev1.ChatSubscriber) {
	for _, u := range users {
		out = append(out, &eventnodev1.ChatSubscriber{UserId: uint64(u)})
	}
	return out
}

// named is one session.
func named(c *client) []*eventnodev1.ChatSubscriber {
	return []*eventnodev1.ChatSubscriber{{UserId: uint64(c.s.User), SessionId: string(c.s.ID())}}
}
