package eventnode

import "errors"

// Errors of event sources, told apart with errors.Is, on an embedded node and over the wire
// alike.
var (
	// ErrSourceNotFound: no node runs the source, as far as the one that was asked has heard.
	// Sources names those that there are. Of an embedded node: this one does not run it.
	ErrSourceNotFound = errors.New("no such source")
	// ErrNotCached: the cache has no such value. It may be there all the same: a cache is
	// told only what the source's intents let through, and forgets what is beyond its
	// limits. Ask the service itself.
	ErrNotCached = errors.New("not cached")
	// ErrCacheUnreachable: the node that would have the value did not answer, in time or at
	// all. Nothing is known of the value. Try again.
	ErrCacheUnreachable = errors.New("the node that has it cannot be reached")
	// ErrShardFailed: the shard was started, and cannot go on. The error says why; start it
	// again when that is mended.
	ErrShardFailed = errors.New("shard failed")
	// ErrShardPending: what was asked is written down and will be done, but was not in time.
	// The error says what it waits for.
	ErrShardPending = errors.New("not done yet")
	// ErrNoRunner: no node of this name runs the source. The error names those that do.
	ErrNoRunner = errors.New("no such runner")
)
