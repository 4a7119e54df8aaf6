package cache

import (
	"encoding/json"
	"fmt"

	"github.com/eventnode/eventnode/discord"
)

// Snowflake is the id of everything that has one.
type Snowflake = discord.Snowflake

// Kind is what a value is.
type Kind uint8

// The kinds, and by what keys their values are found: In and ID.
const (
	Guild        Kind = iota // 0, guild: without all that has a kind of its own
	Unavailable              // 0, guild: true, of a guild that cannot be reached for now
	GuildShard               // 0, guild: [3,16], shard 3 of 16
	MemberCount              // 0, guild: a number
	Emojis                   // 0, guild: a list
	Stickers                 // 0, guild: a list
	Role                     // guild, role
	Channel                  // guild (0: private), channel or thread
	ChannelGuild             // 0, channel: the guild's id, a string
	Member                   // guild, user: without the user, and the guild's id
	Presence                 // guild, user
	User                     // 0, user
	Message                  // channel, message
	Me                       // 0, 0: the user that the source's session is for

	// Kinds is how many there are.
	Kinds = int(Me) + 1
)

var kindWords = [Kinds]string{
	"guild", "unavailable", "guild_shard", "member_count", "emojis", "stickers", "role", "channel", "channel_guild",
	"member", "presence", "user", "message", "me",
}

// String is a word for metrics and errors.
func (k Kind) String() string {
	if int(k) < Kinds {
		return kindWords[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Key names a value.
type Key struct {
	Kind Kind
	// In is what it belongs to, by Kind, and ID which of those it is.
	In, ID Snowflake
}

// String is for errors.
func (k Key) String() string {
	if k.In == 0 {
		return fmt.Sprintf("%v %v", k.Kind, k.ID)
	}
	return fmt.Sprintf("%v %v of %v", k.Kind, k.ID, k.In)
}

// guild is whose shard has the value; not ok: its key does not say.
func (k Key) guild() (Snowflake, bool) {
	switch k.Kind {
	case Guild, Unavailable, GuildShard, MemberCount, Emojis, Stickers:
		return k.ID, true
	case Role, Channel, Member, Presence:
		return k.In, k.In != 0
	default:
		return 0, false
	}
}

// Entry is a value with its key: JSON, which nobody changes.
type Entry struct {
	Key   Key
	Value json.RawMessage
}

// MaxPage is how many entries a List yields at most.
const MaxPage = 1_000

// Range is some of what belongs to something: the ids from From on, and below To if that is
// not 0. The ids of messages grow with time, so it is a window of time, too.
type Range struct {
	Kind     Kind
	In       Snowflake
	From, To Snowflake
	// Limit is how many at most. 0, and more than MaxPage, are MaxPage.
	Limit int
}

// most is how many entries it may have.
func (r Range) most() int {
	if r.Limit <= 0 {
		return MaxPage
	}
	return min(r.Limit, MaxPage)
}

// has reports whether an id is in it.
func (r Range) has(id Snowflake) bool { return id >= r.From && (r.To == 0 || id < r.To) }
