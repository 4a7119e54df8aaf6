package cache

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/eventnode/eventnode/source"
)

// guildUpdate becomes old and new, both with roles, emojis and stickers, and without
// channels and members.
func (c *Cache) guildUpdate(ctx context.Context, p source.Payload) (*change, error) {
	news := patch{without: apart}
	f, err := scanInto(&news, p)
	guild := flake(f.id)
	switch {
	case err != nil:
		return nil, err
	case guild == 0:
		return nil, missing(p, "id")
	}
	own, err := c.before(ctx, Key{Kind: Guild, ID: guild})
	if err != nil {
		return nil, err
	}
	var old json.RawMessage
	if own != nil {
		if old, err = guildObject(ctx, c.store, guild, own); err != nil {
			return nil, err
		}
	}
	now, _ := news.merge(own)
	if _, err := c.store.Put(ctx, Key{Kind: Guild, ID: guild}, now); err != nil {
		return nil, err
	}
	if err := c.keepLists(ctx, guild, &f); err != nil {
		return nil, err
	}
	now, err = guildObject(ctx, c.store, guild, now)
	return changed(event{name: p.Name, form: pair, old: old, new: now}), err
}

// guildDelete forgets all that is in the guild. What the source says stays, and old has the
// channels and threads, too: nobody can look them up any more.
func (c *Cache) guildDelete(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	guild := flake(f.id)
	switch {
	case err != nil:
		return nil, err
	case guild == 0:
		return nil, missing(p, "id")
	}
	own, err := c.before(ctx, Key{Kind: Guild, ID: guild})
	if err != nil {
		return nil, err
	}
	var old json.RawMessage
	if own != nil {
		if old, err = wholeGuild(ctx, c.store, guild, own); err != nil {
			return nil, err
		}
	}
	if err := c.forgetGuild(ctx, guild); err != nil {
		return nil, err
	}
	if string(f.unavailable) == "true" {
		// the shard still has it, and will say when it is there again
		if err := c.store.Fill(ctx, []Entry{
			{Key{Unavailable, 0, guild}, json.RawMessage("true")},
			{Key{GuildShard, 0, guild}, shardOf(p.Origin)},
		}); err != nil {
			return nil, err
		}
	}
	return changed(event{name: p.Name, form: besides, as: "old", old: old}), nil
}

// forgetGuild forgets a guild and all that is in it.
func (c *Cache) forgetGuild(ctx context.Context, guild Snowflake) error {
	for e, err := range all(ctx, c.store, Range{Kind: Channel, In: guild}) {
		if err != nil {
			return err
		}
		if err := c.forgetChannel(ctx, e.Key.ID); err != nil {
			return err
		}
	}
	for _, kind := range []Kind{Channel, Role, Member, Presence} {
		if err := c.store.Clear(ctx, kind, guild); err != nil {
			return err
		}
	}
	for _, kind := range []Kind{Guild, Unavailable, GuildShard, MemberCount, Emojis, Stickers} {
		if _, err := c.store.Delete(ctx, Key{Kind: kind, ID: guild}); err != nil {
			return err
		}
	}
	return nil
}

// emojisUpdate becomes both lists.
func (c *Cache) emojisUpdate(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	if err != nil {
		return nil, err
	}
	return c.listUpdate(ctx, p, Emojis, f.guildID, f.emojis)
}

// stickersUpdate becomes both lists.
func (c *Cache) stickersUpdate(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	if err != nil {
		return nil, err
	}
	return c.listUpdate(ctx, p, Stickers, f.guildID, f.stickers)
}

func (c *Cache) listUpdate(ctx context.Context, p source.Payload, kind Kind, guild, list []byte) (*change, error) {
	if flake(guild) == 0 || isNull(list) {
		return nil, missing(p, "guild_id, or its list")
	}
	list = slices.Clone(list)
	old, err := c.store.Put(ctx, Key{Kind: kind, ID: flake(guild)}, list)
	return changed(event{name: p.Name, form: pair, guild: guild, old: old, new: list}), err
}

// roleCreate keeps the role.
func (c *Cache) roleCreate(ctx context.Context, p source.Payload) (*change, error) {
	_, _, err := c.putRole(ctx, p)
	return nil, err
}

// roleUpdate becomes old and new.
func (c *Cache) roleUpdate(ctx context.Context, p source.Payload) (*change, error) {
	f, old, err := c.putRole(ctx, p)
	return changed(event{name: p.Name, form: pair, guild: f.guildID, old: old, new: f.role}), err
}

func (c *Cache) putRole(ctx context.Context, p source.Payload) (f fields, old json.RawMessage, err error) {
	if f, err = scan(p); err != nil {
		return f, nil, err
	}
	guild, role := flake(f.guildID), Snowflake(0)
	if !isNull(f.role) {
		role = idOf(f.role)
	}
	if guild == 0 || role == 0 {
		return f, nil, missing(p, "guild_id, or the role's id")
	}
	old, err = c.store.Put(ctx, Key{Role, guild, role}, slices.Clone(f.role))
	return f, old, err
}

// roleDelete has the role that was, and nobody is told of one that was not known.
func (c *Cache) roleDelete(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	guild, role := flake(f.guildID), flake(f.roleID)
	switch {
	case err != nil:
		return nil, err
	case guild == 0 || role == 0:
		return nil, missing(p, "guild_id, or role_id")
	}
	old, err := c.store.Delete(ctx, Key{Role, guild, role})
	if err != nil || old == nil {
		return changed(), err
	}
	return changed(event{name: p.Name, form: besides, as: "old", old: old}), nil
}
