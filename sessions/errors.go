package sessions

import (
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
)

// Errors that gateways tell apart with errors.Is.
var (
	// ErrClosed: the manager was closed, or the session has ended. Open another one,
	// elsewhere or later.
	ErrClosed = errors.New("closed")
	// ErrNotAccepting: the node is going down and takes no new sessions. Go to another
	// one.
	ErrNotAccepting = errors.New("no new sessions are taken")
	// ErrNotFound: there is no such session here, any more or for this user.
	ErrNotFound = eventnode.ErrSessionNotFound
	// ErrAttached: the session has a socket. Detach that one first.
	ErrAttached = errors.New("the session has a socket")
	// ErrAhead: the client says that it has seen what was not sent yet.
	ErrAhead = errors.New("the sequence number is ahead of the session")
	// ErrTwice: the session has the event already, from the node where it was before.
	ErrTwice = errors.New("the session has the event already")
	// ErrShardingRequired: the user is in more guilds than one session takes. Identify with
	// more shards.
	ErrShardingRequired = errors.New("sharding required")
	// ErrDetached: the socket was detached. The session may go on with another one.
	ErrDetached = errors.New("the socket was detached")
)

// GapError says that events between what a client has seen and the oldest that is kept
// are gone: the client has to begin anew.
type GapError struct {
	// Missing is how many, from First on.
	First, Missing uint64
}

func (e *GapError) Error() string {
	return fmt.Sprintf("%d events from %d on are not kept any more", e.Missing, e.First)
}
