package command

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
)

// cacheKind is a word of cache get or list, with the ids that it takes.
type cacheKind[F any] struct {
	word string
	ids  []string
	look F
}

// looker looks one thing up.
type looker func(ctx context.Context, c eventnode.Cache, ids []discord.Snowflake) (any, error)

// lister ranges over the JSON of some.
type lister func(ctx context.Context, c eventnode.Cache, ids []discord.Snowflake, w eventnode.CacheWindow) iter.Seq2[[]byte, error]

// guildShardJSON is which shard of how many a guild is in.
type guildShardJSON struct {
	Shard  int `json:"shard"`
	Shards int `json:"shards"`
}

// gets are the kinds of cache get.
var gets = []cacheKind[looker]{
	{"guild", []string{"GUILD"}, one(eventnode.Cache.Guild)},
	{"unavailable", []string{"GUILD"}, one(eventnode.Cache.IsUnavailable)},
	{"shard", []string{"GUILD"}, one(guildShard)},
	{"member-count", []string{"GUILD"}, one(eventnode.Cache.MemberCount)},
	{"channel", []string{"CHANNEL"}, one(eventnode.Cache.Channel)},
	{"channel-guild", []string{"CHANNEL"}, one(eventnode.Cache.ChannelGuild)},
	{"role", []string{"GUILD", "ROLE"}, two(eventnode.Cache.Role)},
	{"member", []string{"GUILD", "USER"}, two(eventnode.Cache.Member)},
	{"presence", []string{"GUILD", "USER"}, two(eventnode.Cache.Presence)},
	{"message", []string{"CHANNEL", "MESSAGE"}, two(eventnode.Cache.Message)},
	{"user", []string{"USER"}, one(eventnode.Cache.User)},
	{"me", nil, func(ctx context.Context, c eventnode.Cache, _ []discord.Snowflake) (any, error) { return c.Me(ctx) }},
}

// lists are the kinds of cache list.
var lists = []cacheKind[lister]{
	{"guilds", nil, func(ctx context.Context, c eventnode.Cache, _ []discord.Snowflake, _ eventnode.CacheWindow) iter.Seq2[[]byte, error] {
		return encoded(c.Guilds(ctx))
	}},
	{"channels", []string{"GUILD"}, in(eventnode.Cache.Channels)},
	{"roles", []string{"GUILD"}, in(eventnode.Cache.Roles)},
	{"members", []string{"GUILD"}, in(eventnode.Cache.Members)},
	{"presences", []string{"GUILD"}, in(eventnode.Cache.Presences)},
	{"messages", []string{"CHANNEL"}, func(ctx context.Context, c eventnode.Cache, ids []discord.Snowflake, w eventnode.CacheWindow) iter.Seq2[[]byte, error] {
		return encoded(c.Messages(ctx, ids[0], w))
	}},
}

func guildShard(c eventnode.Cache, ctx context.Context, guild discord.Snowflake) (guildShardJSON, error) {
	shard, shards, err := c.GuildShard(ctx, guild)
	return guildShardJSON{shard, shards}, err
}

func one[T any](look func(eventnode.Cache, context.Context, discord.Snowflake) (T, error)) looker {
	return func(ctx context.Context, c eventnode.Cache, ids []discord.Snowflake) (any, error) {
		return look(c, ctx, ids[0])
	}
}

func two[T any](look func(c eventnode.Cache, ctx context.Context, in, id discord.Snowflake) (T, error)) looker {
	return func(ctx context.Context, c eventnode.Cache, ids []discord.Snowflake) (any, error) {
		return look(c, ctx, ids[0], ids[1])
	}
}

func in[T any](list func(eventnode.Cache, context.Context, discord.Snowflake) iter.Seq2[T, error]) lister {
	return func(ctx context.Context, c eventnode.Cache, ids []discord.Snowflake, _ eventnode.CacheWindow) iter.Seq2[[]byte, error] {
		return encoded(list(c, ctx, ids[0]))
	}
}

// encoded is a range as JSON.
func encoded[T any](all iter.Seq2[T, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for v, err := range all {
			var b []byte
			if err == nil {
				b, err = json.Marshal(v)
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// kindLines is the kinds for a command's help.
func kindLines[F any](kinds []cacheKind[F]) string {
	lines := make([]string, len(kinds))
	for i, k := range kinds {
		lines[i] = strings.TrimRight(fmt.Sprintf("%-14s %s", k.word, strings.Join(k.ids, " ")), " ")
	}
	return strings.Join(lines, "\n  ")
}
