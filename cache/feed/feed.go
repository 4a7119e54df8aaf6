// Package feed makes a chat directory of what a cache knows of guilds, so that a chat
// service can have the guilds that a source tells of.
//
//	for change, err := range feed.Guild(ctx, c, guild) {
//		...
//		results, at, err := log.Submit(ctx, change)
//
// A [Feeder] does so for all guilds whose shards are on this node, and keeps them so: it is
// told of each payload when the cache has it, and submits what of the directory is otherwise.
//
// # Guarantees
//
// The changes of a guild fit each other, in their order, into a directory that has nothing
// else by the same ids: users, the guild, its roles, members, and channels, each after what
// it names. What names somebody or something that the cache does not know is put without
// that; an owner who is not known is a user without a name but his id. Threads are left out:
// a directory has none.
//
// # Concurrency
//
// Guild has no state. The cache may be written meanwhile: then some of it is older than the
// rest. A Feeder has one goroutine, in Run; Note may be called by several.
//
// # Failure
//
// A look-up's error ends the changes. A directory has limits of its own, for names and
// counts, and refuses what is beyond them. A Feeder logs that, and tries again what could not
// be looked up or submitted. What it had not done when its node was killed, and guilds that
// were left while no shard was connected, stay as they are in the directory until the guild
// comes whole again, or somebody deletes it.
package feed

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/discord"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// guild is one that is being told.
type guild struct {
	*discord.Guild
	roles      map[discord.Snowflake]bool
	members    map[discord.Snowflake]bool
	categories map[discord.Snowflake]bool
}

func newGuild(known *discord.Guild) *guild {
	return &guild{known, map[discord.Snowflake]bool{}, map[discord.Snowflake]bool{}, map[discord.Snowflake]bool{}}
}

// Guild ranges over the changes that put a guild with all that is known of it, or ends with
// an error. It holds the ids of the guild's members meanwhile.
func Guild(ctx context.Context, c *cache.Cache, id discord.Snowflake) iter.Seq2[*eventnodev1.DirectoryChange, error] {
	return func(yield func(*eventnodev1.DirectoryChange, error) bool) {
		known, err := c.Guild(ctx, id)
		if err != nil {
			yield(nil, err)
			return
		}
		g := newGuild(known)
		owner, err := c.User(ctx, g.OwnerID)
		if err != nil { // he is not known, or not for now
			owner = &discord.User{ID: g.OwnerID}
		}
		if !yield(user(owner), nil) || !yield(g.put(), nil) {
			return
		}
		_ = g.eachRole(yield) && g.eachMember(ctx, c, yield) && g.eachChannel(ctx, c, true, yield) && g.eachChannel(ctx, c, false, yield)
	}
}

func (g *guild) put() *eventnodev1.DirectoryChange {
	return directory.PutGuild(&eventnodev1.DirectoryGuild{
		Id: uint64(g.ID), OwnerId: uint64(g.OwnerID), Name: g.Name, Icon: g.Icon, Features: g.Features, Description: g.Description,
	})
}

func (g *guild) eachRole(yield func(*eventnodev1.DirectoryChange, error) bool) bool {
	for _, r := range g.Roles {
		g.roles[r.ID] = true
		if !yield(g.role(&r), nil) {
			return false
		}
	}
	return true
}

func (g *guild) role(r *discord.Role) *eventnodev1.DirectoryChange {
	return directory.PutRole(&eventnodev1.DirectoryRole{
		Id: uint64(r.ID), GuildId: uint64(g.ID), Name: r.Name, Position: uint32(max(r.Position, 0)), Hoist: r.Hoist,
		Permissions: uint64(r.Permissions), Color: uint32(r.Color), Mentionable: r.Mentionable,
	})
}

func (g *guild) eachMember(ctx context.Context, c *cache.Cache, yield func(*eventnodev1.DirectoryChange, error) bool) bool {
	for m, err := range c.Members(ctx, g.ID) {
		switch {
		case err != nil:
			yield(nil, err)
			return false
		case m.User == nil:
			continue // nobody knows who he is
		}
		g.members[m.User.ID] = true
		if !yield(user(m.User), nil) || !yield(g.member(m), nil) {
			return false
		}
	}
	return true
}

func (g *guild) member(m *discord.Member) *eventnodev1.DirectoryChange {
	row := &eventnodev1.DirectoryMember{GuildId: uint64(g.ID), UserId: uint64(m.User.ID), Nick: m.Nick}
	for _, r := range m.Roles {
		if g.roles[r] && r != g.ID {
			row.Roles = append(row.Roles, uint64(r))
		}
	}
	if !m.JoinedAt.IsZero() {
		row.JoinedAt = timestamppb.New(m.JoinedAt)
	}
	slices.Sort(row.Roles)
	row.Roles = slices.Compact(row.Roles)
	return directory.PutMember(row)
}

// eachChannel yields categories, or those that may be in them.
func (g *guild) eachChannel(ctx context.Context, c *cache.Cache, categories bool, yield func(*eventnodev1.DirectoryChange, error) bool) bool {
	for ch, err := range c.Channels(ctx, g.ID) {
		switch {
		case err != nil:
			yield(nil, err)
			return false
		case isThread(ch):
			continue
		case (ch.Type == directory.Category) != categories:
			continue
		}
		g.categories[ch.ID] = categories
		if !yield(g.channel(ch), nil) {
			return false
		}
	}
	return true
}

func isThread(c *discord.Channel) bool {
	return c.ThreadMetadata != nil || c.Type >= 10 && c.Type <= 12
}

func (g *guild) channel(c *discord.Channel) *eventnodev1.DirectoryChange {
	row := &eventnodev1.DirectoryChannel{
		Id: uint64(c.ID), GuildId: uint64(g.ID), Type: uint32(c.Type), Name: c.Name, Topic: c.Topic, Position: uint32(max(c.Position, 0)),
		Nsfw: c.NSFW, RateLimitPerUser: uint32(c.RateLimitPerUser), Bitrate: uint32(c.Bitrate), UserLimit: uint32(c.UserLimit),
	}
	if g.categories[c.ParentID] {
		row.ParentId = uint64(c.ParentID)
	}
	for _, o := range c.PermissionOverwrites {
		kind := eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_ROLE
		there := g.roles[o.ID]
		if o.Type == 1 {
			kind, there = eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_MEMBER, g.members[o.ID]
		}
		if there {
			row.Overwrites = append(row.Overwrites, &eventnodev1.DirectoryOverwrite{Id: uint64(o.ID), Kind: kind, Allow: uint64(o.Allow), Deny: uint64(o.Deny)})
		}
	}
	slices.SortFunc(row.Overwrites, func(a, b *eventnodev1.DirectoryOverwrite) int { return cmp.Compare(a.GetId(), b.GetId()) })
	return directory.PutChannel(row)
}

func user(u *discord.User) *eventnodev1.DirectoryChange {
	return directory.PutUser(&eventnodev1.DirectoryUser{
		Id: uint64(u.ID), Username: cmp.Or(u.Username, u.ID.String()), GlobalName: u.GlobalName, Discriminator: discriminator(u.Discriminator), Avatar: u.Avatar, Bot: u.Bot,
	})
}

// discriminator is four digits, or empty for 0, which is nobody's own.
func discriminator(d string) string {
	if d == "0" {
		return ""
	}
	return d
}
