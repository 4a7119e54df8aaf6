package directory

import (
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Effect is what one change has changed: the rows, and whose reading. It is empty if
// the change put what was there already. Rows are shared: do not change them.
//
// Whoever holds subscriptions
//
//   - drops those to guilds and channels that have no After;
//   - recomputes MayRead for each Access, and for nothing else;
//   - updates sorted lists of members from Roles, Members and Users, whose pairs say
//     what a list was sorted by, and is now.
type Effect struct {
	Guilds      []Pair[*eventnodev1.DirectoryGuild]
	Roles       []Pair[*eventnodev1.DirectoryRole]
	Channels    []Pair[*eventnodev1.DirectoryChannel]
	Members     []Pair[*eventnodev1.DirectoryMember]
	Users       []Pair[*eventnodev1.DirectoryUser]
	Friendships []Pair[*eventnodev1.DirectoryFriendship]
	// Access says who may read more or less than before. What cannot be read any more
	// because the channel or its guild is gone is not listed.
	Access []Access
}

// Pair is a row before and after a change: nil where it was not there yet, or is not
// any more.
type Pair[T any] struct{ Before, After T }

// Access says that somebody may read what he might not, or the other way round; or
// perhaps not, for who has several roles may have it from another one. State.Affected
// says who that is.
type Access struct {
	// Guild has the channels; 0: Channel is a private one.
	Guild sessions.Snowflake
	// Channel is which one; 0: all of the guild.
	Channel sessions.Snowflake
	// Role, unless it is 0: those who have this role of the guild. The guild's own id:
	// all members.
	Role sessions.Snowflake
	// User, if Role is 0: this one, who may be a member no more.
	User sessions.Snowflake
}

// Empty reports whether nothing was changed.
func (e Effect) Empty() bool {
	return len(e.Guilds)+len(e.Roles)+len(e.Channels)+len(e.Members)+len(e.Users)+len(e.Friendships) == 0
}
