package feed

import (
	"context"
	"errors"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/discord"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// View is a directory, to be read.
type View interface {
	User(user discord.Snowflake) *eventnodev1.DirectoryUser
	Guild(guild discord.Snowflake) *eventnodev1.DirectoryGuild
	Channel(channel discord.Snowflake) *eventnodev1.DirectoryChannel
	Member(guild, user discord.Snowflake) *eventnodev1.DirectoryMember
	Role(role discord.Snowflake) *eventnodev1.DirectoryRole
	Members(guild discord.Snowflake) iter.Seq[*eventnodev1.DirectoryMember]
	Roles(guild discord.Snowflake) []*eventnodev1.DirectoryRole
	Channels(guild discord.Snowflake) []*eventnodev1.DirectoryChannel
}

var _ View = (*directory.State)(nil)

// changes are those that make the directory what the cache is, as far as it is due.
func (f *Feeder) changes(ctx context.Context, guild discord.Snowflake, d *due) ([]*eventnodev1.DirectoryChange, error) {
	if guild == 0 {
		return f.users(ctx, d.users)
	}
	known, err := f.cfg.Cache.Guild(ctx, guild)
	switch {
	case errors.Is(err, cache.ErrNotFound):
		return f.gone(ctx, guild, d.whole)
	case err != nil:
		return nil, err
	case known.OwnerID == 0 || known.Name == "":
		return nil, nil // it was not said whole
	}
	channels, members := f.news(known, d)
	if d.whole || members {
		return f.whole(ctx, known, d)
	}
	x := &parts{ctx: ctx, c: f.cfg.Cache, guild: newGuild(known)}
	if err := x.gather(d, channels); err != nil {
		return nil, err
	}
	if d.others {
		x.drops = append(x.drops, f.otherRoles(guild, x.guild.roles)...)
	}
	return f.otherwise(x.puts, x.drops), nil
}

// otherwise are those changes that change something: deletions first, for there are limits.
func (f *Feeder) otherwise(puts []*eventnodev1.DirectoryChange, drops []drop) (out []*eventnodev1.DirectoryChange) {
	f.cfg.Directory.View(func(v View) {
		for _, d := range drops {
			if d.there(v) {
				out = append(out, d.change)
			}
		}
		for _, p := range puts {
			if !same(v, p) {
				out = append(out, p)
			}
		}
	})
	return out
}

// same reports whether a directory has what a change puts.
func same(v View, c *eventnodev1.DirectoryChange) bool {
	switch {
	case c.GetPutUser() != nil:
		return proto.Equal(v.User(discord.Snowflake(c.GetPutUser().GetId())), c.GetPutUser())
	case c.GetPutGuild() != nil:
		return proto.Equal(v.Guild(discord.Snowflake(c.GetPutGuild().GetId())), c.GetPutGuild())
	case c.GetPutRole() != nil:
		return proto.Equal(v.Role(discord.Snowflake(c.GetPutRole().GetId())), c.GetPutRole())
	case c.GetPutChannel() != nil:
		return proto.Equal(v.Channel(discord.Snowflake(c.GetPutChannel().GetId())), c.GetPutChannel())
	default:
		m := c.GetPutMember()
		return proto.Equal(v.Member(discord.Snowflake(m.GetGuildId()), discord.Snowflake(m.GetUserId())), m)
	}
}

// drop deletes something that the cache does not know, if the directory has it.
type drop struct {
	there  func(View) bool
	change *eventnodev1.DirectoryChange
}

func dropRole(guild, id discord.Snowflake) drop {
	return drop{func(v View) bool { return v.Role(id).GetGuildId() == uint64(guild) && id != guild }, directory.DeleteRole(id)}
}

func dropChannel(guild, id discord.Snowflake) drop {
	return drop{func(v View) bool { return v.Channel(id).GetGuildId() == uint64(guild) }, directory.DeleteChannel(id)}
}

func dropMember(guild, id discord.Snowflake) drop {
	return drop{func(v View) bool { return v.Member(guild, id) != nil }, directory.DeleteMember(guild, id)}
}

// whole is a guild of which everything may be otherwise. Members that are not known stay,
// unless all were said, or they are due.
func (f *Feeder) whole(ctx context.Context, known *discord.Guild, d *due) ([]*eventnodev1.DirectoryChange, error) {
	var puts []*eventnodev1.DirectoryChange
	there, members := set{}, set{}
	for c, err := range Guild(ctx, f.cfg.Cache, known.ID) {
		if err != nil {
			return nil, err
		}
		puts = append(puts, c)
		there[discord.Snowflake(c.GetPutRole().GetId()+c.GetPutChannel().GetId())] = true // one of them is none
		if m := c.GetPutMember(); m != nil {
			members[discord.Snowflake(m.GetUserId())] = true
		}
	}
	var drops []drop
	for id := range d.members {
		if !members[id] {
			drops = append(drops, dropMember(known.ID, id))
		}
	}
	drops = append(drops, f.otherRoles(known.ID, there)...)
	f.cfg.Directory.View(func(v View) {
		for _, c := range v.Channels(known.ID) {
			if id := discord.Snowflake(c.GetId()); !there[id] {
				drops = append(drops, dropChannel(known.ID, id))
			}
		}
		if !d.all {
			return
		}
		for m := range v.Members(known.ID) {
			if id := discord.Snowflake(m.GetUserId()); !members[id] && !d.members[id] {
				drops = append(drops, dropMember(known.ID, id))
			}
		}
	})
	return f.otherwise(puts, drops), nil
}

// otherRoles are those of a guild that the directory has besides some.
func (f *Feeder) otherRoles(guild discord.Snowflake, there set) (drops []drop) {
	f.cfg.Directory.View(func(v View) {
		for _, r := range v.Roles(guild) {
			if id := discord.Snowflake(r.GetId()); !there[id] {
				drops = append(drops, dropRole(guild, id))
			}
		}
	})
	return drops
}

// news reports whether something is due that the directory does not have. Channels may name
// who or what has come, and were put without it; members may name a role that has.
func (f *Feeder) news(known *discord.Guild, d *due) (channels, members bool) {
	f.cfg.Directory.View(func(v View) {
		for id := range d.members {
			channels = channels || v.Member(known.ID, id) == nil
		}
		for id := range d.channels {
			channels = channels || v.Channel(id) == nil
		}
		for _, r := range known.Roles {
			members = members || (d.guild || d.roles[r.ID]) && v.Role(r.ID) == nil
		}
	})
	return channels, members
}

// gone deletes a guild that is not there any more. One that cannot be reached for now stays,
// and so does one of which nobody has said that it is gone.
func (f *Feeder) gone(ctx context.Context, guild discord.Snowflake, said bool) (out []*eventnodev1.DirectoryChange, err error) {
	away, err := f.cfg.Cache.IsUnavailable(ctx, guild)
	if err != nil || away || !said {
		return nil, err
	}
	f.cfg.Directory.View(func(v View) {
		if v.Guild(guild) != nil {
			out = append(out, directory.DeleteGuild(guild))
		}
	})
	return out, nil
}

// users puts those that the directory has.
func (f *Feeder) users(ctx context.Context, ids set) (out []*eventnodev1.DirectoryChange, err error) {
	for id := range ids {
		known, err := f.cfg.Cache.User(ctx, id)
		switch {
		case errors.Is(err, cache.ErrNotFound):
			continue
		case err != nil:
			return nil, err
		}
		put := user(known)
		f.cfg.Directory.View(func(v View) {
			if before := v.User(id); before != nil && !proto.Equal(before, put.GetPutUser()) {
				out = append(out, put)
			}
		})
	}
	return out, nil
}
