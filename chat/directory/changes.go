package directory

import (
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// PutGuild is a change that puts a guild.
func PutGuild(g *eventnodev1.DirectoryGuild) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutGuild{PutGuild: g}}
}

// DeleteGuild is a change that deletes a guild.
func DeleteGuild(guild sessions.Snowflake) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_DeleteGuild{DeleteGuild: uint64(guild)}}
}

// PutRole is a change that puts a role.
func PutRole(r *eventnodev1.DirectoryRole) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutRole{PutRole: r}}
}

// DeleteRole is a change that deletes a role.
func DeleteRole(role sessions.Snowflake) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_DeleteRole{DeleteRole: uint64(role)}}
}

// PutChannel is a change that puts a channel, of a guild or private.
func PutChannel(c *eventnodev1.DirectoryChannel) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutChannel{PutChannel: c}}
}

// DeleteChannel is a change that deletes a channel, of a guild or private.
func DeleteChannel(channel sessions.Snowflake) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_DeleteChannel{DeleteChannel: uint64(channel)}}
}

// PutMember is a change that puts a user into a guild.
func PutMember(m *eventnodev1.DirectoryMember) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutMember{PutMember: m}}
}

// DeleteMember is a change that takes a user out of a guild.
func DeleteMember(guild, user sessions.Snowflake) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_DeleteMember{
		DeleteMember: &eventnodev1.DirectoryMemberKey{GuildId: uint64(guild), UserId: uint64(user)},
	}}
}

// PutUser is a change that puts a user.
func PutUser(u *eventnodev1.DirectoryUser) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutUser{PutUser: u}}
}

// DeleteUser is a change that deletes a user.
func DeleteUser(user sessions.Snowflake) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_DeleteUser{DeleteUser: uint64(user)}}
}

// PutFriendship is a change that makes two users friends.
func PutFriendship(a, b sessions.Snowflake) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutFriendship{PutFriendship: friendship(a, b)}}
}

// DeleteFriendship is a change that ends the friendship of two users.
func DeleteFriendship(a, b sessions.Snowflake) *eventnodev1.DirectoryChange {
	return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_DeleteFriendship{DeleteFriendship: friendship(a, b)}}
}
