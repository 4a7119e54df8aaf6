package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrFatal: a shard cannot go on, and could not the next time either. Config.Open and
	// Shard.Run wrap what should not be tried again, such as a token that is not good. Start
	// tries again.
	ErrFatal = errors.New("the shard cannot go on")
	// ErrPending: what was asked is written down and will be done, but ctx ended before it
	// was. The error says what it waits for.
	ErrPending = eventnode.ErrShardPending
	// ErrShardFailed: the shard was started, and cannot go on. The error says why; Start it
	// again when that is mended.
	ErrShardFailed = eventnode.ErrShardFailed
	// ErrNoRunner: no node of this name runs the source. The error names those that do.
	ErrNoRunner = eventnode.ErrNoRunner
	// ErrLeaseLost: the lease of a shard could not be kept, so another node may have the
	// shard. It is the cause with which the context of Shard.Run ends.
	ErrLeaseLost = errors.New("lease lost")
	// ErrClosed: the fleet has ended, on this node.
	ErrClosed = eventnode.ErrClosed
)

var (
	errDrain   = errors.New("the time to finish what was taken in is over")
	errByself  = errors.New("it ended by itself")
	errStopped = fmt.Errorf("the fleet stops: %w", context.Canceled) // what was under way was not refused
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("fleet: "+format+": %w", append(args, eventnode.ErrInvalidArgument)...)
}
