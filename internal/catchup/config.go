package catchup

import (
	"context"
	"time"

	"github.com/eventnode/eventnode"
)

// Config of a Subscription. Times are reckoned by the own clock.
type Config struct {
	// Streams has the stream. Required.
	Streams eventnode.Streams
	// Stream is its name. Required.
	Stream string
	// Topics are those of the live subscription. Required.
	Topics []string
	// Filter is that of the live subscription.
	Filter eventnode.Filter
	// Subscribe opens the live subscription. Required.
	Subscribe func(ctx context.Context) (eventnode.Subscription, error)
	// Standing is a number that changes whenever the live subscription had to be
	// opened again, and 0 while it is not open. Defaults to 1: it always is.
	Standing func() uint64

	// QueueEvents and QueueBytes bound the queue, and as much again the park. Defaults
	// to those of eventnode.SubscribeOptions.
	QueueEvents, QueueBytes int
	// MaxIDs bounds the IDs that are remembered; about 100 bytes each. Defaults to
	// 262,144.
	MaxIDs int
	// MarkEvery is how often the stream is asked where it ends. More often: less is
	// read twice. Defaults to 5 s.
	MarkEvery time.Duration
	// Delay is how long an event may be on its way from a publisher to here. Longer:
	// more is read twice after a gap. Defaults to 45 s: a client notices within 25 s
	// that its connection is dead.
	Delay time.Duration
	// Lag is how much later than here an event may arrive in the stream. Defaults to
	// 15 s.
	Lag time.Duration
	// Settle is how long after a gap events may still be missing. Defaults to 5 s.
	Settle time.Duration
	// Wait is how long live events are held back for a stream that does not show
	// them. Defaults to 15 s.
	Wait time.Duration
}

func (c Config) withDefaults() Config {
	c.QueueEvents = orDefault(c.QueueEvents, eventnode.DefaultQueueEvents)
	c.QueueBytes = orDefault(c.QueueBytes, eventnode.DefaultQueueBytes)
	c.MaxIDs = orDefault(c.MaxIDs, 1<<18)
	c.MarkEvery = orDefault(c.MarkEvery, 5*time.Second)
	c.Delay = orDefault(c.Delay, 45*time.Second)
	c.Lag = orDefault(c.Lag, 15*time.Second)
	c.Settle = orDefault(c.Settle, 5*time.Second)
	c.Wait = orDefault(c.Wait, 15*time.Second)
	if c.Standing == nil {
		c.Standing = func() uint64 { return 1 }
	}
	return c
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
