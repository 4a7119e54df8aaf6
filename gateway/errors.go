package gateway

import "errors"

// Errors of this package.
var (
	// ErrShardingRequired is for a Backend's Identify: the user is in too many guilds for
	// so few shards. The client is told by CloseShardingRequired, and is to come with more.
	ErrShardingRequired = errors.New("more shards are required")
	// ErrRunning: the gateway runs already, or has run. Make another one.
	ErrRunning = errors.New("the gateway runs or has run")
)
