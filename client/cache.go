package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// lookups are the caches of a source, asked through the client's node.
type lookups struct {
	c      *Client
	source string
}

var _ eventnode.Cache = lookups{}

// Cache returns what the caches of all nodes know of an event source. That there is such a
// source is seen by the first look-up.
func (c *Client) Cache(source string) eventnode.Cache { return lookups{c, source} }

// The kinds of values, short.
const (
	kindGuild        = eventnodev1.CacheKind_CACHE_KIND_GUILD
	kindUnavailable  = eventnodev1.CacheKind_CACHE_KIND_UNAVAILABLE
	kindGuildShard   = eventnodev1.CacheKind_CACHE_KIND_GUILD_SHARD
	kindMemberCount  = eventnodev1.CacheKind_CACHE_KIND_MEMBER_COUNT
	kindRole         = eventnodev1.CacheKind_CACHE_KIND_ROLE
	kindChannel      = eventnodev1.CacheKind_CACHE_KIND_CHANNEL
	kindChannelGuild = eventnodev1.CacheKind_CACHE_KIND_CHANNEL_GUILD
	kindMember       = eventnodev1.CacheKind_CACHE_KIND_MEMBER
	kindPresence     = eventnodev1.CacheKind_CACHE_KIND_PRESENCE
	kindUser         = eventnodev1.CacheKind_CACHE_KIND_USER
	kindMessage      = eventnodev1.CacheKind_CACHE_KIND_MESSAGE
	kindMe           = eventnodev1.CacheKind_CACHE_KIND_ME
)

// lookUp looks one value up, in one call: whole as far as there is more of it.
func lookUp[T any](ctx context.Context, l lookups, kind eventnodev1.CacheKind, in, id discord.Snowflake) (*T, error) {
	resp, err := sourced(ctx, l.c, eventnodev1.SourceServiceClient.LookUp, &eventnodev1.SourceServiceLookUpRequest{
		Source: l.source, Key: &eventnodev1.CacheKey{Kind: kind, In: uint64(in), Id: uint64(id)}, Whole: true,
	})
	if err != nil {
		return nil, err
	}
	return decoded[T](resp.GetValue())
}

func decoded[T any](value []byte) (*T, error) {
	into := new(T)
	if err := json.Unmarshal(value, into); err != nil {
		return nil, fmt.Errorf("what is cached: %w: %w", discord.ErrMalformed, err)
	}
	return into, nil
}

// valueOf is lookUp for what is no object.
func valueOf[T any](ctx context.Context, l lookups, kind eventnodev1.CacheKind, id discord.Snowflake) (value T, err error) {
	v, err := lookUp[T](ctx, l, kind, 0, id)
	if err != nil {
		return value, err
	}
	return *v, nil
}

// listCache ranges over a list, a page a call.
func listCache(ctx context.Context, l lookups, req *eventnodev1.SourceServiceListCacheRequest) iter.Seq2[*eventnodev1.CacheEntry, error] {
	return func(yield func(*eventnodev1.CacheEntry, error) bool) {
		req.Source = l.source
		for from := req.GetRange().GetFrom(); ; {
			req.Range.From = from
			resp, err := sourced(ctx, l.c, eventnodev1.SourceServiceClient.ListCache, req)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range resp.GetEntries() {
				if !yield(e, nil) {
					return
				}
			}
			if from = resp.GetNext(); from == 0 {
				return
			}
		}
	}
}

// eachCached is listCache with decoded values.
func eachCached[T any](ctx context.Context, l lookups, kind eventnodev1.CacheKind, in discord.Snowflake, w eventnode.CacheWindow) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for e, err := range listCache(ctx, l, &eventnodev1.SourceServiceListCacheRequest{
			Range: &eventnodev1.CacheRange{Kind: kind, In: uint64(in), From: uint64(w.From), To: uint64(w.To)}, Whole: true, Author: uint64(w.Author),
		}) {
			var v *T
			if err == nil {
				v, err = decoded[T](e.GetValue())
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Me implements eventnode.Cache.
func (l lookups) Me(ctx context.Context) (*discord.User, error) {
	return lookUp[discord.User](ctx, l, kindMe, 0, 0)
}

// User implements eventnode.Cache.
func (l lookups) User(ctx context.Context, user discord.Snowflake) (*discord.User, error) {
	return lookUp[discord.User](ctx, l, kindUser, 0, user)
}

// Guild implements eventnode.Cache.
func (l lookups) Guild(ctx context.Context, guild discord.Snowflake) (*discord.Guild, error) {
	return lookUp[discord.Guild](ctx, l, kindGuild, 0, guild)
}

// Guilds implements eventnode.Cache.
func (l lookups) Guilds(ctx context.Context) iter.Seq2[discord.Snowflake, error] {
	return func(yield func(discord.Snowflake, error) bool) {
		for e, err := range listCache(ctx, l, &eventnodev1.SourceServiceListCacheRequest{Range: &eventnodev1.CacheRange{Kind: kindGuild}, Bare: true}) {
			if !yield(discord.Snowflake(e.GetKey().GetId()), err) {
				return
			}
		}
	}
}

// IsUnavailable implements eventnode.Cache.
func (l lookups) IsUnavailable(ctx context.Context, guild discord.Snowflake) (bool, error) {
	is, err := valueOf[bool](ctx, l, kindUnavailable, guild)
	if errors.Is(err, eventnode.ErrNotCached) {
		return false, nil
	}
	return is, err
}

// GuildShard implements eventnode.Cache.
func (l lookups) GuildShard(ctx context.Context, guild discord.Snowflake) (shard, shards int, err error) {
	two, err := valueOf[[2]int](ctx, l, kindGuildShard, guild)
	return two[0], two[1], err
}

// MemberCount implements eventnode.Cache.
func (l lookups) MemberCount(ctx context.Context, guild discord.Snowflake) (int, error) {
	return valueOf[int](ctx, l, kindMemberCount, guild)
}

// Channel implements eventnode.Cache.
func (l lookups) Channel(ctx context.Context, channel discord.Snowflake) (*discord.Channel, error) {
	return lookUp[discord.Channel](ctx, l, kindChannel, 0, channel)
}

// Channels implements eventnode.Cache.
func (l lookups) Channels(ctx context.Context, guild discord.Snowflake) iter.Seq2[*discord.Channel, error] {
	return eachCached[discord.Channel](ctx, l, kindChannel, guild, eventnode.CacheWindow{})
}

// ChannelGuild implements eventnode.Cache.
func (l lookups) ChannelGuild(ctx context.Context, channel discord.Snowflake) (discord.Snowflake, error) {
	return valueOf[discord.Snowflake](ctx, l, kindChannelGuild, channel)
}

// Role implements eventnode.Cache.
func (l lookups) Role(ctx context.Context, guild, role discord.Snowflake) (*discord.Role, error) {
	return lookUp[discord.Role](ctx, l, kindRole, guild, role)
}

// Roles implements eventnode.Cache.
func (l lookups) Roles(ctx context.Context, guild discord.Snowflake) iter.Seq2[*discord.Role, error] {
	return eachCached[discord.Role](ctx, l, kindRole, guild, eventnode.CacheWindow{})
}

// Member implements eventnode.Cache.
func (l lookups) Member(ctx context.Context, guild, user discord.Snowflake) (*discord.Member, error) {
	return lookUp[discord.Member](ctx, l, kindMember, guild, user)
}

// Members implements eventnode.Cache.
func (l lookups) Members(ctx context.Context, guild discord.Snowflake) iter.Seq2[*discord.Member, error] {
	return eachCached[discord.Member](ctx, l, kindMember, guild, eventnode.CacheWindow{})
}

// Presence implements eventnode.Cache.
func (l lookups) Presence(ctx context.Context, guild, user discord.Snowflake) (*discord.Presence, error) {
	return lookUp[discord.Presence](ctx, l, kindPresence, guild, user)
}

// Presences implements eventnode.Cache.
func (l lookups) Presences(ctx context.Context, guild discord.Snowflake) iter.Seq2[*discord.Presence, error] {
	return eachCached[discord.Presence](ctx, l, kindPresence, guild, eventnode.CacheWindow{})
}

// Message implements eventnode.Cache.
func (l lookups) Message(ctx context.Context, channel, message discord.Snowflake) (*discord.Message, error) {
	return lookUp[discord.Message](ctx, l, kindMessage, channel, message)
}

// Messages implements eventnode.Cache.
func (l lookups) Messages(ctx context.Context, channel discord.Snowflake, w eventnode.CacheWindow) iter.Seq2[*discord.Message, error] {
	return eachCached[discord.Message](ctx, l, kindMessage, channel, w)
}
