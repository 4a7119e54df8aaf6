package streamsdk

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/eventnode/eventnode/internal/backoff"
)

// The defaults of Config, and what is not configured.
const (
	DefaultPatience    = 5 * time.Second
	DefaultWindowBytes = 4 << 20

	// idleTime is after how long without work publishing lets go of its pipe and its
	// goroutines.
	idleTime = 10 * time.Second
	// leaderPause is how long a leader that could not be reached is left alone.
	leaderPause = time.Second
	// silence is how long a leader may leave a request unanswered before the own node
	// is asked who leads. It is longer than an election.
	silence = 2 * time.Second
	// retryMin and retryMax bound the pause before something is tried again. An
	// election takes about a second.
	retryMin = 20 * time.Millisecond
	retryMax = 500 * time.Millisecond
)

// Config of a Streams, and of Consumers and Locks.
type Config struct {
	// Backend is the cluster. Required.
	Backend Backend
	// Consumers is the cluster, too. Required of consumers and locks.
	Consumers ConsumerBackend
	// Context ends with the owner; its cause is what calls fail with then. Required.
	Context context.Context //nolint:containedctx // the owner's life
	// Start runs f in a goroutine that the owner waits for, or fails because it has
	// ended. Required of a Streams.
	Start func(f func()) error

	// Namespace is where the streams are. Defaults to the default one.
	Namespace string
	// Patience is for how long something that nobody could do is tried again before
	// it is ErrUnavailable. Longer outlives longer elections, shorter tells sooner.
	// Defaults to 5 s; negative: not at all.
	Patience time.Duration
	// WindowBytes bounds the encoded events that are not answered yet; who publishes
	// more waits. One call may exceed it. Defaults to 4 MiB.
	WindowBytes int
	// Logger takes what nobody else is told. Defaults to none.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.WindowBytes <= 0 {
		c.WindowBytes = DefaultWindowBytes
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// retryAfter is the pause before something is tried again that has failed so many
// times.
func retryAfter(failures int) time.Duration {
	return backoff.Backoff{Min: retryMin, Max: retryMax}.Next(failures, rand.Float64())
}

// pause waits before something is tried again that has failed so many times. It
// reports false if ctx ended.
func pause(ctx context.Context, failures int) bool {
	return backoff.Wait(ctx, retryAfter(failures))
}
