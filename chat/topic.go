package chat

import (
	"fmt"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// The kinds of a chat service.
const (
	KindGuild     = "guild"      // a guild's id
	KindChannel   = "channel"    // a channel's id
	KindMember    = "member"     // a guild's id, a comma, a user's id
	KindUser      = "user"       // a user's id
	KindFriend    = "friend"     // a user's id: those who are his friends
	KindLazyGuild = "lazy_guild" // a guild's id: its member lists
)

// Guild is the topic of a guild: everybody who is in it.
func Guild(id sessions.Snowflake) string { return topic(KindGuild, id) }

// Channel is the topic of a channel: everybody who may read it.
func Channel(id sessions.Snowflake) string { return topic(KindChannel, id) }

// User is the topic of a user: all his sessions.
func User(id sessions.Snowflake) string { return topic(KindUser, id) }

// Friend is the topic of a user's friends.
func Friend(id sessions.Snowflake) string { return topic(KindFriend, id) }

// LazyGuild is the topic of a guild's member lists.
func LazyGuild(id sessions.Snowflake) string { return topic(KindLazyGuild, id) }

// Member is the topic of those sessions of a user whose shard has the guild.
func Member(guild, user sessions.Snowflake) string {
	return topic(KindMember, guild) + "," + user.String()
}

func topic(kind string, id sessions.Snowflake) string { return kind + ":" + id.String() }

// MemberKey is the key of a member topic.
type MemberKey struct{ Guild, User sessions.Snowflake }

// ParseMember parses "GUILD,USER".
func ParseMember(key string) (MemberKey, error) {
	g, u, _ := strings.Cut(key, ",")
	guild, err := parseID(g)
	if err != nil {
		return MemberKey{}, err
	}
	user, err := parseID(u)
	return MemberKey{guild, user}, err
}

// parseID parses an id as it is written, without zeros before it: a topic has one name, and
// who says another one would reach nobody.
func parseID(s string) (sessions.Snowflake, error) {
	id, err := sessions.ParseSnowflake(s)
	if err == nil && id.String() != s {
		return 0, fmt.Errorf("%q is no id: write it as %d", s, id)
	}
	return id, err
}

// kindOf is the kind of a topic.
func kindOf(topic string) string {
	kind, _, _ := strings.Cut(topic, ":")
	return kind
}

// maxTopic bounds a topic, in bytes.
const maxTopic = 255

// split parts a topic.
func split(topic string) (kind, key string, err error) {
	kind, key, ok := strings.Cut(topic, ":")
	if len(topic) > maxTopic {
		return "", "", &eventnode.TopicError{Topic: topic, Reason: fmt.Sprintf("it has %d bytes, %d at most", len(topic), maxTopic)}
	}
	if !ok || kind == "" || key == "" {
		return "", "", &eventnode.TopicError{Topic: topic, Reason: "it is kind:key, such as guild:42"}
	}
	return kind, key, nil
}
