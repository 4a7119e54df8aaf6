package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/eventnode/eventnode/discord"
)

// Look-ups of one thing fail with ErrNotFound if it is not there, and with an error that
// wraps ErrUnreachable if it would be on a node that does not answer.

// look reads a value, counts how that went, and decodes it.
func look[T any](ctx context.Context, c *Cache, key Key) (*T, error) {
	value, err := c.reader.Read(ctx, key)
	c.metrics.read(key.Kind, err)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", key, err)
	}
	return decode[T](key, value)
}

func decode[T any](key Key, value json.RawMessage) (*T, error) {
	into := new(T)
	if err := json.Unmarshal(value, into); err != nil {
		return nil, fmt.Errorf("%v: %w: %w", key, ErrMalformed, err)
	}
	return into, nil
}

// Me is the user that the source's session is for.
func (c *Cache) Me(ctx context.Context) (*discord.User, error) {
	return look[discord.User](ctx, c, Key{Kind: Me})
}

// User is somebody whom some event told of.
func (c *Cache) User(ctx context.Context, user Snowflake) (*discord.User, error) {
	return look[discord.User](ctx, c, Key{Kind: User, ID: user})
}

// GuildData is a guild's JSON, with its roles, emojis and stickers, and how many members it
// has; without channels and members.
func (c *Cache) GuildData(ctx context.Context, guild Snowflake) (json.RawMessage, error) {
	key := Key{Kind: Guild, ID: guild}
	own, err := c.reader.Read(ctx, key)
	c.metrics.read(Guild, err)
	if err == nil {
		own, err = guildObject(ctx, c.reader, guild, own)
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w", key, err)
	}
	return own, nil
}

// Guild is GuildData as a value.
func (c *Cache) Guild(ctx context.Context, guild Snowflake) (*discord.Guild, error) {
	data, err := c.GuildData(ctx, guild)
	if err != nil {
		return nil, err
	}
	return decode[discord.Guild](Key{Kind: Guild, ID: guild}, data)
}

// IsUnavailable reports whether a guild is known as one that cannot be reached for now.
func (c *Cache) IsUnavailable(ctx context.Context, guild Snowflake) (bool, error) {
	value, err := optional(ctx, c.reader, Key{Kind: Unavailable, ID: guild})
	return value != nil, err
}

// GuildShard is which shard of how many a guild is in.
func (c *Cache) GuildShard(ctx context.Context, guild Snowflake) (shard, shards int, err error) {
	two, err := look[[2]int](ctx, c, Key{Kind: GuildShard, ID: guild})
	if err != nil {
		return 0, 0, err
	}
	return two[0], two[1], nil
}

// ChannelGuild is which guild a channel is in; 0: it is private.
func (c *Cache) ChannelGuild(ctx context.Context, channel Snowflake) (Snowflake, error) {
	guild, err := look[Snowflake](ctx, c, Key{Kind: ChannelGuild, ID: channel})
	if err != nil {
		return 0, err
	}
	return *guild, nil
}

// Channel is a channel or a thread.
func (c *Cache) Channel(ctx context.Context, channel Snowflake) (*discord.Channel, error) {
	guild, err := c.ChannelGuild(ctx, channel)
	if err != nil {
		return nil, err
	}
	return look[discord.Channel](ctx, c, Key{Channel, guild, channel})
}

// Role is a role of a guild.
func (c *Cache) Role(ctx context.Context, guild, role Snowflake) (*discord.Role, error) {
	return look[discord.Role](ctx, c, Key{Role, guild, role})
}

// Presence is how present a user is in a guild.
func (c *Cache) Presence(ctx context.Context, guild, user Snowflake) (*discord.Presence, error) {
	return look[discord.Presence](ctx, c, Key{Presence, guild, user})
}

// Message is a message of a channel.
func (c *Cache) Message(ctx context.Context, channel, id Snowflake) (*discord.Message, error) {
	return look[discord.Message](ctx, c, Key{Message, channel, id})
}

// Member is a user in a guild. Member.User is nil if the user himself is not known.
func (c *Cache) Member(ctx context.Context, guild, user Snowflake) (*discord.Member, error) {
	m, err := look[discord.Member](ctx, c, Key{Member, guild, user})
	if err != nil {
		return nil, err
	}
	return c.withUser(ctx, m, guild, user)
}

// withUser adds what is kept elsewhere.
func (c *Cache) withUser(ctx context.Context, m *discord.Member, guild, user Snowflake) (*discord.Member, error) {
	m.GuildID = guild
	key := Key{Kind: User, ID: user}
	data, err := optional(ctx, c.reader, key)
	if err != nil || data == nil {
		return m, err
	}
	m.User, err = decode[discord.User](key, data)
	return m, err
}

// Channels are those of a guild, with its threads; of 0, the private ones.
func (c *Cache) Channels(ctx context.Context, guild Snowflake) iter.Seq2[*discord.Channel, error] {
	return each[discord.Channel](ctx, c, Range{Kind: Channel, In: guild})
}

// Roles are those of a guild.
func (c *Cache) Roles(ctx context.Context, guild Snowflake) iter.Seq2[*discord.Role, error] {
	return each[discord.Role](ctx, c, Range{Kind: Role, In: guild})
}

// Presences are those of a guild.
func (c *Cache) Presences(ctx context.Context, guild Snowflake) iter.Seq2[*discord.Presence, error] {
	return each[discord.Presence](ctx, c, Range{Kind: Presence, In: guild})
}

// Members are those of a guild that are known, which may be a part of it.
func (c *Cache) Members(ctx context.Context, guild Snowflake) iter.Seq2[*discord.Member, error] {
	return func(yield func(*discord.Member, error) bool) {
		for e, err := range all(ctx, c.reader, Range{Kind: Member, In: guild}) {
			var m *discord.Member
			if err == nil {
				m, err = decode[discord.Member](e.Key, e.Value)
			}
			if err == nil {
				m, err = c.withUser(ctx, m, guild, e.Key.ID)
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Guilds are the ids of all guilds.
func (c *Cache) Guilds(ctx context.Context) iter.Seq2[Snowflake, error] {
	return func(yield func(Snowflake, error) bool) {
		for e, err := range all(ctx, c.reader, Range{Kind: Guild}) {
			if !yield(e.Key.ID, err) || err != nil {
				return
			}
		}
	}
}

// each ranges over decoded values, and ends with the first error.
func each[T any](ctx context.Context, c *Cache, r Range) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for e, err := range all(ctx, c.reader, r) {
			var v *T
			if err == nil {
				v, err = decode[T](e.Key, e.Value)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}
