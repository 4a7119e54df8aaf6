package eventnode

import (
	"errors"
	"fmt"
)

// Errors of the chat service, told apart with errors.Is, on an embedded node and over the
// wire alike.
var (
	// ErrSessionNotFound: there is no such session, any more or for this user.
	ErrSessionNotFound = errors.New("no such session")
	// ErrUnknownGuild: there is no guild with this id. Put it first.
	ErrUnknownGuild = errors.New("unknown guild")
	// ErrUnknownRole: the guild has no role with this id. Put it first.
	ErrUnknownRole = errors.New("unknown role")
	// ErrUnknownChannel: there is no such channel, or no such category in the guild. Put
	// it first.
	ErrUnknownChannel = errors.New("unknown channel")
	// ErrUnknownUser: there is no user with this id. Put him first.
	ErrUnknownUser = errors.New("unknown user")
	// ErrUnknownMember: the user is not in the guild. Put the member first.
	ErrUnknownMember = errors.New("unknown member")
	// ErrUnknownFriendship: the two are no friends.
	ErrUnknownFriendship = errors.New("unknown friendship")
	// ErrIDTaken: the id is that of another kind of row, or of another guild's. Use
	// another one.
	ErrIDTaken = errors.New("id taken")
	// ErrOwnsGuild: the user owns a guild. Give it to somebody else, or delete it.
	ErrOwnsGuild = errors.New("the user owns a guild")
	// ErrEveryoneRole: the role that every member has goes only with its guild. Put it
	// anew to change what it permits.
	ErrEveryoneRole = errors.New("the role of everybody stays")
	// ErrNotEmpty: the category has channels. Move them first.
	ErrNotEmpty = errors.New("the category has channels")
)

// MissingError says which nodes did not answer: what was asked of all is known of the
// others only. It is ErrUnavailable; ask again.
type MissingError struct{ Nodes []NodeID }

func (e *MissingError) Error() string {
	return fmt.Sprintf("no answer from %v: what they have is missing", e.Nodes)
}

// Is reports whether target is ErrUnavailable.
func (e *MissingError) Is(target error) bool { return target == ErrUnavailable }
