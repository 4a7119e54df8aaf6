package cache

import (
	"errors"

	"github.com/eventnode/eventnode/discord"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotFound: the cache has no such value. It may be there all the same: a cache is
	// told only what the source's intents let through, and forgets what is beyond its
	// limits. Ask the service itself.
	ErrNotFound = errors.New("not cached")
	// ErrUnreachable: the node that would have the value did not answer, in time or at all.
	// Nothing is known of the value. Try again.
	ErrUnreachable = errors.New("the node that has it cannot be reached")
	// ErrMalformed: a payload is no JSON, or lacks the ids that it would be kept by. Nothing
	// of it was kept; it is still the event.
	ErrMalformed = discord.ErrMalformed
)
