package chat

import (
	"iter"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Directory is who is where in a chat service. It is the same on every node; package
// chat/directory has one that a durable stream keeps so. The hub looks at it under its
// own lock: an implementation need not have one, as long as it changes only in Hub.Apply.
//
// Rows are shared and do not change. What is not there is nil.
type Directory interface {
	User(user sessions.Snowflake) *eventnodev1.DirectoryUser
	Guild(guild sessions.Snowflake) *eventnodev1.DirectoryGuild
	Channel(channel sessions.Snowflake) *eventnodev1.DirectoryChannel
	Member(guild, user sessions.Snowflake) *eventnodev1.DirectoryMember
	// Members ranges over the members of a guild, by user.
	Members(guild sessions.Snowflake) iter.Seq[*eventnodev1.DirectoryMember]
	MemberCount(guild sessions.Snowflake) int
	// Roles is the roles of a guild, the highest first.
	Roles(guild sessions.Snowflake) []*eventnodev1.DirectoryRole
	// Channels is the channels of a guild, by position.
	Channels(guild sessions.Snowflake) []*eventnodev1.DirectoryChannel
	// Guilds, PrivateChannels and Friends are a user's, by id.
	Guilds(user sessions.Snowflake) []sessions.Snowflake
	PrivateChannels(user sessions.Snowflake) []sessions.Snowflake
	Friends(user sessions.Snowflake) []sessions.Snowflake
	// MayRead reports whether a user may read a channel, private ones included.
	MayRead(user, channel sessions.Snowflake) bool
	// Readable is the channels of a guild that a user may read.
	Readable(user, guild sessions.Snowflake) []sessions.Snowflake
	// EveryoneMayRead reports whether every member of a channel's guild may read it as far
	// as the role of everybody and its overwrites are concerned.
	EveryoneMayRead(channel sessions.Snowflake) bool
	// RoleMayRead reports whether those with a role may, as far as that and everybody's are
	// concerned.
	RoleMayRead(role, channel sessions.Snowflake) bool

	// GuildCreate, ChannelObject and MemberObject are a guild, a channel and a member in
	// the protocol's form, the first two as a user sees them.
	GuildCreate(guild sessions.Snowflake, view directory.GuildView) *directory.GuildCreate
	ChannelObject(channel, viewer sessions.Snowflake) *directory.ChannelObject
	MemberObject(guild, user sessions.Snowflake) *directory.MemberObject
}

var _ Directory = (*directory.State)(nil)
