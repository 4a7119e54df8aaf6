package eventnode

import (
	"context"
	"iter"

	"github.com/eventnode/eventnode/discord"
)

// Cache is what the caches of all nodes know of one event source: each value where its guild's
// shard is. Values are the caller's own.
//
// What is not there is ErrNotCached, which says nothing of the source. A node that would know
// and does not answer is ErrCacheUnreachable, a source that no node runs ErrSourceNotFound, and
// an id of 0 ErrInvalidArgument. Ranges end with the first error; they are read in pages, and
// what changes meanwhile is seen or not.
type Cache interface {
	// Me is the user that the source's session is for.
	Me(ctx context.Context) (*discord.User, error)
	// User is somebody whom some event told of.
	User(ctx context.Context, user discord.Snowflake) (*discord.User, error)

	// Guild is a guild with its roles, emojis, stickers, channels and threads, and how many
	// members it has; without members and presences. One of more than 3 MiB is ErrLimit: ask
	// for its parts.
	Guild(ctx context.Context, guild discord.Snowflake) (*discord.Guild, error)
	// Guilds are the ids of all guilds, but for those that cannot be reached.
	Guilds(ctx context.Context) iter.Seq2[discord.Snowflake, error]
	// IsUnavailable reports whether a guild is known as one that cannot be reached for now.
	IsUnavailable(ctx context.Context, guild discord.Snowflake) (bool, error)
	// GuildShard is which shard of how many a guild is in.
	GuildShard(ctx context.Context, guild discord.Snowflake) (shard, shards int, err error)
	// MemberCount is how many members a guild has, which need not be known themselves.
	MemberCount(ctx context.Context, guild discord.Snowflake) (int, error)

	// Channel is a channel or a thread.
	Channel(ctx context.Context, channel discord.Snowflake) (*discord.Channel, error)
	// Channels are those of a guild, with its threads; of 0, the private ones.
	Channels(ctx context.Context, guild discord.Snowflake) iter.Seq2[*discord.Channel, error]
	// ChannelGuild is which guild a channel is in; 0: it is private.
	ChannelGuild(ctx context.Context, channel discord.Snowflake) (discord.Snowflake, error)

	// Role is a role of a guild.
	Role(ctx context.Context, guild, role discord.Snowflake) (*discord.Role, error)
	// Roles are those of a guild.
	Roles(ctx context.Context, guild discord.Snowflake) iter.Seq2[*discord.Role, error]

	// Member is a user in a guild. Its User is nil if the node that has the guild does not
	// know him.
	Member(ctx context.Context, guild, user discord.Snowflake) (*discord.Member, error)
	// Members are those of a guild that are known, which may be a part of it.
	Members(ctx context.Context, guild discord.Snowflake) iter.Seq2[*discord.Member, error]
	// Presence is how present a user is in a guild.
	Presence(ctx context.Context, guild, user discord.Snowflake) (*discord.Presence, error)
	// Presences are those of a guild.
	Presences(ctx context.Context, guild discord.Snowflake) iter.Seq2[*discord.Presence, error]

	// Message is a message of a channel.
	Message(ctx context.Context, channel, message discord.Snowflake) (*discord.Message, error)
	// Messages are those of a channel in a window of time, the oldest first.
	Messages(ctx context.Context, channel discord.Snowflake, w CacheWindow) iter.Seq2[*discord.Message, error]
}

// CacheWindow is some messages.
type CacheWindow struct {
	// Author is who has written them; 0: anybody.
	Author discord.Snowflake
	// From is the first id, and To the one that they are all before; 0: there is none. See
	// discord.At.
	From, To discord.Snowflake
}
