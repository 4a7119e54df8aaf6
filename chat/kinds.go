package chat

import (
	"fmt"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// kinds are the six kinds of a chat service. lazy is what owns the member lists.
func kinds(lazy *lists) []Backend {
	ids := func(kind string) Stateless[sessions.Snowflake] {
		return Stateless[sessions.Snowflake]{Name: kind, Parse: parseID}
	}
	return []Backend{
		guildKind{Stateful[sessions.Snowflake]{ids(KindGuild)}},
		channelKind{Stateful[sessions.Snowflake]{ids(KindChannel)}},
		memberKind{Stateless[MemberKey]{Name: KindMember, Parse: ParseMember}},
		userKind{ids(KindUser)},
		friendKind{Stateful[sessions.Snowflake]{ids(KindFriend)}},
		lazyKind{Stateless: ids(KindLazyGuild), lists: lazy},
	}
}

// guildKind: the subscribers whose shard has the guild.
type guildKind struct{ Stateful[sessions.Snowflake] }

// Admit implements Subscribable: members, with the shard that has the guild.
func (b guildKind) Admit(look Directory, s *sessions.Session, key string) error {
	guild := b.Key(key)
	switch {
	case look.Member(guild, s.User) == nil:
		return fmt.Errorf("user %d is no member of guild %d: %w", s.User, guild, eventnode.ErrPermissionDenied)
	case !s.Shard.Owns(guild):
		return errOtherShard(s, guild)
	}
	return nil
}

// With implements Subscribable: the channels that the member may read.
func (b guildKind) With(look Directory, s *sessions.Session, key string, f Flags) (topics []string, flags Flags) {
	for _, c := range look.Readable(s.User, b.Key(key)) {
		topics = append(topics, Channel(c))
	}
	return topics, f &^ NoPresence
}

// channelKind: the subscribers. A group's recipients are each shown the others.
type channelKind struct{ Stateful[sessions.Snowflake] }

// typeGroup is the type of a channel for a group of friends.
const typeGroup = 3

// Admit implements Subscribable: who may read it, with the shard that has its guild.
func (b channelKind) Admit(look Directory, s *sessions.Session, key string) error {
	channel := b.Key(key)
	c := look.Channel(channel)
	switch {
	case c == nil:
		return fmt.Errorf("channel %d is not in the directory: %w", channel, eventnode.ErrInvalidArgument)
	case !look.MayRead(s.User, channel):
		return fmt.Errorf("user %d may not read channel %d: %w", s.User, channel, eventnode.ErrPermissionDenied)
	case c.GetGuildId() != 0 && !s.Shard.Owns(sessions.Snowflake(c.GetGuildId())):
		return errOtherShard(s, sessions.Snowflake(c.GetGuildId()))
	}
	return nil
}

// Dispatch implements Backend.
func (b channelKind) Dispatch(d *Delivery, key string) {
	c := d.Directory().Channel(b.Key(key))
	views := c.GetType() == typeGroup && (d.Type() == "CHANNEL_CREATE" || d.Type() == "CHANNEL_UPDATE")
	for s := range d.Subscribers() {
		if views {
			d.SendAs(s, func(data []byte) []byte { return withoutRecipient(data, s.User) })
		} else {
			d.Send(s)
		}
	}
}

// memberKind: those sessions of a user whose shard has the guild.
type memberKind struct{ Stateless[MemberKey] }

// Users implements Backend.
func (b memberKind) Users(key string) ([]sessions.Snowflake, bool) {
	return []sessions.Snowflake{b.Key(key).User}, true
}

// Dispatch implements Backend.
func (b memberKind) Dispatch(d *Delivery, key string) {
	k := b.Key(key)
	for _, s := range d.OfGuild(k.User, k.Guild) {
		d.Send(s)
	}
}

// userKind: all sessions of a user.
type userKind struct {
	Stateless[sessions.Snowflake]
}

// Users implements Backend.
func (b userKind) Users(key string) ([]sessions.Snowflake, bool) {
	return []sessions.Snowflake{b.Key(key)}, true
}

// Dispatch implements Backend.
func (b userKind) Dispatch(d *Delivery, key string) {
	for _, s := range d.OfUser(b.Key(key)) {
		d.Send(s)
	}
}

// friendKind: the subscribers, who are sessions of the user's friends.
type friendKind struct{ Stateful[sessions.Snowflake] }

// Admit implements Subscribable: friends.
func (b friendKind) Admit(look Directory, s *sessions.Session, key string) error {
	friend := b.Key(key)
	if _, ok := slices.BinarySearch(look.Friends(s.User), friend); !ok {
		return fmt.Errorf("users %d and %d are no friends: %w", s.User, friend, eventnode.ErrPermissionDenied)
	}
	return nil
}

// lazyKind: the member lists of a guild, which tell those who look at them what changed.
type lazyKind struct {
	Stateless[sessions.Snowflake]
	lists *lists
}

// Users implements Backend: the nodes where somebody looks at a list say so.
func (lazyKind) Users(string) ([]sessions.Snowflake, bool) { return nil, false }

// Dispatch implements Backend.
func (b lazyKind) Dispatch(d *Delivery, key string) { b.lists.tell(d, b.Key(key)) }

// shardError is a session whose shard does not have a guild.
type shardError struct {
	shard sessions.Shard
	guild sessions.Snowflake
}

func errOtherShard(s *sessions.Session, guild sessions.Snowflake) error {
	return &shardError{s.Shard, guild}
}

func (e *shardError) Error() string {
	return fmt.Sprintf("shard %d of %d does not have guild %d", e.shard.Index, e.shard.Count, e.guild)
}

// Is reports whether target is eventnode.ErrInvalidArgument.
func (e *shardError) Is(target error) bool { return target == eventnode.ErrInvalidArgument }
