package feed

import (
	"context"
	"errors"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/discord"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// parts gathers what is due of a guild, as the cache has it.
type parts struct {
	ctx   context.Context //nolint:containedctx // of one call
	c     *cache.Cache
	guild *guild
	puts  []*eventnodev1.DirectoryChange
	drops []drop
}

// gather is in the order in which things name each other. News: who or what has come may be
// named by all channels.
func (x *parts) gather(d *due, news bool) error {
	for _, r := range x.guild.Roles {
		x.guild.roles[r.ID] = true
		if d.guild || d.roles[r.ID] {
			x.puts = append(x.puts, x.guild.role(&r))
		}
	}
	if d.guild {
		x.puts = append([]*eventnodev1.DirectoryChange{x.guild.put()}, x.puts...)
		owner, err := x.c.User(x.ctx, x.guild.OwnerID)
		there, err := known(err)
		if err != nil {
			return err
		}
		if there {
			x.puts = append([]*eventnodev1.DirectoryChange{user(owner)}, x.puts...)
		}
	}
	for id := range d.roles {
		if !x.guild.roles[id] {
			x.drops = append(x.drops, dropRole(x.guild.ID, id))
		}
	}
	for id := range d.members {
		if err := x.member(id); err != nil {
			return err
		}
	}
	return x.channels(d.channels, news)
}

// known reports whether a look-up has found something, or why it is not known whether.
func known(err error) (bool, error) {
	if errors.Is(err, cache.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (x *parts) member(id discord.Snowflake) error {
	m, err := x.c.Member(x.ctx, x.guild.ID, id)
	switch there, err := known(err); {
	case err != nil:
		return err
	case !there:
		x.drops = append(x.drops, dropMember(x.guild.ID, id))
	case m.User != nil:
		x.puts = append(x.puts, user(m.User), x.guild.member(m))
	}
	return nil
}

// channels are those with some ids, or all; categories first.
func (x *parts) channels(ids set, all bool) error {
	var some []*discord.Channel
	if all {
		for c, err := range x.c.Channels(x.ctx, x.guild.ID) {
			if err != nil {
				return err
			}
			some = append(some, c)
		}
	}
	for id := range ids {
		c, err := x.c.Channel(x.ctx, id)
		switch there, err := known(err); {
		case err != nil:
			return err
		case !there:
			x.drops = append(x.drops, dropChannel(x.guild.ID, id))
		case !all && c.GuildID == x.guild.ID:
			some = append(some, c)
		}
	}
	for _, categories := range []bool{true, false} {
		for _, c := range some {
			if isThread(c) || (c.Type == directory.Category) != categories {
				continue
			}
			if err := x.named(c); err != nil {
				return err
			}
			x.puts = append(x.puts, x.guild.channel(c))
		}
	}
	return nil
}

// named looks up what a channel names: its category, and the members of its overwrites.
func (x *parts) named(c *discord.Channel) error {
	if c.ParentID != 0 {
		parent, err := x.c.Channel(x.ctx, c.ParentID)
		there, err := known(err)
		if err != nil {
			return err
		}
		x.guild.categories[c.ParentID] = there && parent.Type == directory.Category
	}
	for _, o := range c.PermissionOverwrites {
		if o.Type != 1 {
			continue
		}
		m, err := x.c.Member(x.ctx, x.guild.ID, o.ID)
		there, err := known(err)
		if err != nil {
			return err
		}
		x.guild.members[o.ID] = there && m.User != nil
	}
	return nil
}
