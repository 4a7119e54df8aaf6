package cache

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/eventnode/eventnode/internal/jsonscan"
	"github.com/eventnode/eventnode/source"
)

// channelCreate keeps a channel or a thread.
func (c *Cache) channelCreate(ctx context.Context, p source.Payload) (*change, error) {
	_, err := c.putChannel(ctx, p)
	return nil, err
}

// channelUpdate becomes old and new.
func (c *Cache) channelUpdate(ctx context.Context, p source.Payload) (*change, error) {
	old, err := c.putChannel(ctx, p)
	return changed(event{name: p.Name, form: pair, old: old, new: p.Data}), err
}

// channelDelete has the channel that was, and nobody is told of one that was not known.
func (c *Cache) channelDelete(ctx context.Context, p source.Payload) (*change, error) {
	key, err := c.channelKey(ctx, p)
	if err != nil {
		return nil, err
	}
	old, err := c.store.Delete(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := c.forgetChannel(ctx, key.ID); err != nil || old == nil {
		return changed(), err
	}
	return changed(event{name: p.Name, form: gone, old: old}), nil
}

// threadListSync keeps the threads.
func (c *Cache) threadListSync(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	guild := flake(f.guildID)
	switch {
	case err != nil:
		return nil, err
	case guild == 0:
		return nil, missing(p, "guild_id")
	}
	entries := c.entries(f.threads, c.channelIn(guild))
	for _, e := range entries {
		if err := c.placeChannel(ctx, e.Key); err != nil {
			return nil, err
		}
	}
	return nil, c.store.Fill(ctx, entries)
}

func (c *Cache) putChannel(ctx context.Context, p source.Payload) (old json.RawMessage, err error) {
	key, err := c.channelKey(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := c.placeChannel(ctx, key); err != nil {
		return nil, err
	}
	return c.store.Put(ctx, key, slices.Clone(p.Data))
}

// channelKey is that of a payload's channel. One that says no guild is in the one where it
// was, or private.
func (c *Cache) channelKey(ctx context.Context, p source.Payload) (Key, error) {
	f, err := scan(p)
	key := Key{Channel, flake(f.guildID), flake(f.id)}
	switch {
	case err != nil:
		return key, err
	case key.ID == 0:
		return key, missing(p, "id")
	case key.In == 0:
		guild, err := c.before(ctx, Key{Kind: ChannelGuild, ID: key.ID})
		key.In = flake(guild)
		return key, err
	}
	return key, nil
}

// channelIn makes entries of channels that stand in something that names their guild.
func (c *Cache) channelIn(guild Snowflake) func(channel []byte) Entry {
	return func(channel []byte) Entry {
		var id Snowflake
		named := false
		for m := jsonscan.Object(channel); m.Next(); {
			switch string(m.Key) {
			case "id":
				id = flake(m.Value)
			case "guild_id":
				named = true
			}
		}
		if named {
			return Entry{Key{Channel, guild, id}, slices.Clone(channel)}
		}
		return Entry{Key{Channel, guild, id}, with(channel, "guild_id", quoted(guild))}
	}
}

// placeChannel keeps in which guild a channel is.
func (c *Cache) placeChannel(ctx context.Context, channel Key) error {
	key := Key{Kind: ChannelGuild, ID: channel.ID}
	old, err := c.store.Read(ctx, key)
	switch {
	case err == nil && flake(old) == channel.In:
		return nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	}
	_, err = c.store.Put(ctx, key, quoted(channel.In))
	return err
}

// forgetChannel forgets where a channel was, and what was written in it.
func (c *Cache) forgetChannel(ctx context.Context, channel Snowflake) error {
	if _, err := c.store.Delete(ctx, Key{Kind: ChannelGuild, ID: channel}); err != nil {
		return err
	}
	return c.store.Clear(ctx, Message, channel)
}

// messageCreate keeps the message.
func (c *Cache) messageCreate(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	if err != nil {
		return nil, err
	}
	key, err := messageKey(p, &f)
	if err != nil {
		return nil, err
	}
	_, err = c.store.Put(ctx, key, slices.Clone(p.Data))
	return nil, err
}

// messageUpdate becomes old and new, which has what the source did not say from the old. A
// message that was not known is kept if it is a whole one.
func (c *Cache) messageUpdate(ctx context.Context, p source.Payload) (*change, error) {
	var news patch
	f, err := scanInto(&news, p)
	if err != nil {
		return nil, err
	}
	key, err := messageKey(p, &f)
	if err != nil {
		return nil, err
	}
	old, err := c.before(ctx, key)
	if err != nil {
		return nil, err
	}
	now := p.Data
	switch {
	case old != nil:
		now, _ = news.merge(old)
	case !isNull(f.author):
		now = slices.Clone(p.Data)
	default:
		return changed(event{name: p.Name, form: pair, new: now}), nil
	}
	_, err = c.store.Put(ctx, key, now)
	return changed(event{name: p.Name, form: pair, old: old, new: now}), err
}

// messageDelete has the message that was, too.
func (c *Cache) messageDelete(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	if err != nil {
		return nil, err
	}
	key, err := messageKey(p, &f)
	if err != nil {
		return nil, err
	}
	old, err := c.store.Delete(ctx, key)
	return changed(event{name: p.Name, form: besides, as: "deleted_message", old: old}), err
}

// messageDeleteBulk has those messages that were known, too.
func (c *Cache) messageDeleteBulk(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	channel := flake(f.channelID)
	switch {
	case err != nil:
		return nil, err
	case channel == 0:
		return nil, missing(p, "channel_id")
	}
	known := []byte{'['}
	for l := jsonscan.List(f.ids); l.Next(); {
		old, err := c.store.Delete(ctx, Key{Message, channel, flake(l.Value)})
		switch {
		case err != nil:
			return nil, err
		case old == nil:
			continue
		case len(known) > 1:
			known = append(known, ',')
		}
		known = append(known, old...)
	}
	known = append(known, ']')
	return changed(event{name: p.Name, form: besides, as: "deleted_messages", old: known}), nil
}

func messageKey(p source.Payload, f *fields) (Key, error) {
	key := Key{Message, flake(f.channelID), flake(f.id)}
	if key.In == 0 || key.ID == 0 {
		return key, missing(p, "id, or channel_id")
	}
	return key, nil
}
