package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
)

var _ eventnode.Cache = (*Cache)(nil)

// look looks a value up and decodes it.
func look[T any](ctx context.Context, c *Cache, key Key, whole bool) (*T, error) {
	value, err := c.Value(ctx, key, whole)
	if err != nil {
		return nil, err
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

// Me implements eventnode.Cache.
func (c *Cache) Me(ctx context.Context) (*discord.User, error) {
	return look[discord.User](ctx, c, Key{Kind: Me}, false)
}

// User implements eventnode.Cache.
func (c *Cache) User(ctx context.Context, user Snowflake) (*discord.User, error) {
	return look[discord.User](ctx, c, Key{Kind: User, ID: user}, false)
}

// Guild implements eventnode.Cache.
func (c *Cache) Guild(ctx context.Context, guild Snowflake) (*discord.Guild, error) {
	return look[discord.Guild](ctx, c, Key{Kind: Guild, ID: guild}, true)
}

// MemberCount implements eventnode.Cache.
func (c *Cache) MemberCount(ctx context.Context, guild Snowflake) (int, error) {
	n, err := look[int](ctx, c, Key{Kind: MemberCount, ID: guild}, false)
	if err != nil {
		return 0, err
	}
	return *n, nil
}

// IsUnavailable implements eventnode.Cache.
func (c *Cache) IsUnavailable(ctx context.Context, guild Snowflake) (bool, error) {
	_, err := c.Value(ctx, Key{Kind: Unavailable, ID: guild}, false)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// GuildShard implements eventnode.Cache.
func (c *Cache) GuildShard(ctx context.Context, guild Snowflake) (shard, shards int, err error) {
	two, err := look[[2]int](ctx, c, Key{Kind: GuildShard, ID: guild}, false)
	if err != nil {
		return 0, 0, err
	}
	return two[0], two[1], nil
}

// ChannelGuild implements eventnode.Cache.
func (c *Cache) ChannelGuild(ctx context.Context, channel Snowflake) (Snowflake, error) {
	guild, err := look[Snowflake](ctx, c, Key{Kind: ChannelGuild, ID: channel}, false)
	if err != nil {
		return 0, err
	}
	return *guild, nil
}

// Channel implements eventnode.Cache.
func (c *Cache) Channel(ctx context.Context, channel Snowflake) (*discord.Channel, error) {
	return look[discord.Channel](ctx, c, Key{Kind: Channel, ID: channel}, true)
}

// Role implements eventnode.Cache.
func (c *Cache) Role(ctx context.Context, guild, role Snowflake) (*discord.Role, error) {
	return look[discord.Role](ctx, c, Key{Role, guild, role}, false)
}

// Presence implements eventnode.Cache.
func (c *Cache) Presence(ctx context.Context, guild, user Snowflake) (*discord.Presence, error) {
	return look[discord.Presence](ctx, c, Key{Presence, guild, user}, false)
}

// Message implements eventnode.Cache.
func (c *Cache) Message(ctx context.Context, channel, id Snowflake) (*discord.Message, error) {
	return look[discord.Message](ctx, c, Key{Message, channel, id}, false)
}

// Member implements eventnode.Cache.
func (c *Cache) Member(ctx context.Context, guild, user Snowflake) (*discord.Member, error) {
	return look[discord.Member](ctx, c, Key{Member, guild, user}, true)
}

// Channels implements eventnode.Cache.
func (c *Cache) Channels(ctx context.Context, guild Snowflake) iter.Seq2[*discord.Channel, error] {
	return each[discord.Channel](ctx, c.reader, Range{Kind: Channel, In: guild})
}

// Roles implements eventnode.Cache.
func (c *Cache) Roles(ctx context.Context, guild Snowflake) iter.Seq2[*discord.Role, error] {
	return each[discord.Role](ctx, c.reader, Range{Kind: Role, In: guild})
}

// Presences implements eventnode.Cache.
func (c *Cache) Presences(ctx context.Context, guild Snowflake) iter.Seq2[*discord.Presence, error] {
	return each[discord.Presence](ctx, c.reader, Range{Kind: Presence, In: guild})
}

// Members implements eventnode.Cache.
func (c *Cache) Members(ctx context.Context, guild Snowflake) iter.Seq2[*discord.Member, error] {
	return each[discord.Member](ctx, c.whole, Range{Kind: Member, In: guild})
}

// Guilds implements eventnode.Cache.
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
func each[T any](ctx context.Context, from Reader, r Range) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if err := r.Check(); err != nil {
			yield(nil, err)
			return
		}
		for e, err := range all(ctx, from, r) {
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
