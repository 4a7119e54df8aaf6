package journal

import (
	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Session is one that a node had, as far as is known.
type Session struct {
	ID   sessions.ID
	User sessions.Snowflake
	// Generation grows with each node that takes it; Life is which life of Node had it last.
	Generation, Life uint64
	Node             string
	// Seen is when anything of that life was seen last.
	Seen eventnode.Position
}

// Dispatched is an event that was dispatched.
type Dispatched struct {
	Event *sessions.Event
	// Topics are those that may be the session's.
	Topics []string
	// Only and Except are the filters; nil: none.
	Only, Except *eventnodev1.ChatFilter
}
