package bus

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Choice is what becomes of an event that cannot be handled. Where nothing comes again
// (AtMostOnce) all choices are the same: it is counted, and gone.
type Choice uint8

// The choices.
const (
	// ByDefault is what the field says that has it.
	ByDefault Choice = iota
	// Ack has done with it.
	Ack
	// Nack has it come again, later.
	Nack
	// DeadLetter puts it to the dead letters, with the reason.
	DeadLetter
)

// Config of a Producer, a Consumer or a Bus.
type Config struct {
	// Transport carries the events. Required.
	Transport Transport
	// Registry knows the types. Defaults to event.Default().
	Registry *event.Registry

	// Source is the Source of what is produced, unless an event has one. Defaults to
	// none.
	Source string

	// Concurrency is how many events are handled at once: those of one key
	// (event.Event.Key) one after the other, in the order in which they were delivered,
	// those without a key in any. Defaults to 1: all in order.
	Concurrency int
	// Middleware is around the handlers of each event, the first one outermost. Defaults
	// to none.
	Middleware []Middleware
	// Unhandled is what becomes of an event that no handler is for. Defaults to Ack.
	Unhandled Choice
	// Malformed is what becomes of an event that cannot be read as its type. Defaults to
	// DeadLetter; for one of a newer version (event.ErrNewerVersion), which another
	// program can read, to Nack.
	Malformed Choice
	// OnError is told of each event that could not be read or handled, and may settle it;
	// if it does not, an event that cannot be read becomes what Malformed says, and one
	// whose handler failed is nacked. Calls overlap as those of handlers do. Defaults to
	// logging.
	OnError func(ctx context.Context, err error, e *AckEvent)
	// OnGap is told of events that are missing, at their place: what came before has been
	// handled, what comes after has not begun. Defaults to logging.
	OnGap func(ctx context.Context, gap eventnode.Gap)

	// Logger takes the log. Defaults to none.
	Logger *slog.Logger
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	if c.Transport == nil {
		return c, fmt.Errorf("there is no transport: %w", eventnode.ErrInvalidArgument)
	}
	if c.Concurrency < 0 {
		return c, fmt.Errorf("concurrency %d: use 1 or more: %w", c.Concurrency, eventnode.ErrInvalidArgument)
	}
	c.Concurrency = max(c.Concurrency, 1)
	if c.Registry == nil {
		c.Registry = event.Default()
	}
	if c.Unhandled == ByDefault {
		c.Unhandled = Ack
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
