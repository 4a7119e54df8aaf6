package outbox

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Publisher is where a relay publishes to: eventnode.Streams is one. PublishMany appends
// all events, in their order, or none.
type Publisher interface {
	PublishMany(ctx context.Context, stream string, evs []event.Event, opts ...eventnode.PublishOption) (eventnode.Published, error)
}

// Config of a Relay.
type Config struct {
	// Store, Publisher and Stream are from where and to where. All are required.
	Store     Store
	Publisher Publisher
	Stream    string
	// Name is the relay's, for those who ask who leads. Something random is put behind
	// it. Defaults to "relay".
	Name string

	// Batch is how many events are published at once, at most. More is faster, and is
	// how many may be published twice after a relay was killed. Defaults to 1,000.
	Batch int
	// BatchBytes ends a batch early, in bytes of JSON. A node takes 4 MiB at once.
	// Defaults to 1 MiB.
	BatchBytes int
	// Poll is how long to wait before looking again when there was nothing. Defaults to
	// 200 ms.
	Poll time.Duration
	// Listen, if set, calls wake whenever something may have been added, until ctx ends
	// or it fails; then it is called again, after a pause. So the relay need not poll
	// often. It is called from one goroutine, and may block; wake does not.
	Listen func(ctx context.Context, wake func()) error
	// Lease is how long others wait for a leader that was killed. It is renewed three
	// times as often. Defaults to 5 s.
	Lease time.Duration

	// MaxAttempts is how often an event is tried that fails by itself. Defaults to 10.
	MaxAttempts int
	// RetryMin and RetryMax bound the pauses between tries; they double. Default to
	// 100 ms and 1 min.
	RetryMin, RetryMax time.Duration
	// Judge says what an error of the Publisher means. Defaults to the function Judge.
	Judge func(error) Verdict
	// KeepSent keeps what was sent, in the table of that name, for so long. Defaults to
	// 0: it is deleted at once.
	KeepSent time.Duration

	// Drain ends Run when nothing is left.
	Drain bool
	// Grace is how long the batch under way may take when Run is to end. Defaults to
	// 10 s.
	Grace time.Duration

	// OnProgress, if set, is told after each batch, and of each trouble and its end. It
	// is called from one goroutine, which it must not block.
	OnProgress func(Progress)
	// Logger takes what goes wrong. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// Progress is what a relay has done so far.
type Progress struct {
	// Leading says whether it leads now.
	Leading bool
	// Sent is how many events are in the stream because of it, Known how many of them
	// the stream had already.
	Sent, Known uint64
	// Retried is how many tries of single events have failed, Dead how many were given up.
	Retried, Dead uint64
	// Trouble is why nothing goes on now; nil: it does.
	Trouble error
}

// The defaults of Config.
const (
	DefaultBatch       = 1000
	DefaultBatchBytes  = 1 << 20
	DefaultPoll        = 200 * time.Millisecond
	DefaultLease       = 5 * time.Second
	DefaultMaxAttempts = 10
	DefaultRetryMin    = 100 * time.Millisecond
	DefaultRetryMax    = time.Minute
	DefaultGrace       = 10 * time.Second
)

// minLease is what can be renewed in time.
const minLease = 100 * time.Millisecond

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Store == nil || c.Publisher == nil:
		return c, configErrorf("a relay needs a Store and a Publisher")
	case c.Stream == "":
		return c, configErrorf("a relay needs a stream")
	case c.Lease != 0 && c.Lease < minLease:
		return c, configErrorf("a lease of %v is too short: use %v or more", c.Lease, minLease)
	}
	c.Name = cmp.Or(c.Name, "relay")
	for value, def := range map[*int]int{&c.Batch: DefaultBatch, &c.BatchBytes: DefaultBatchBytes, &c.MaxAttempts: DefaultMaxAttempts} {
		*value = cmp.Or(*value, def)
	}
	for value, def := range map[*time.Duration]time.Duration{
		&c.Poll: DefaultPoll, &c.Lease: DefaultLease, &c.RetryMin: DefaultRetryMin, &c.RetryMax: DefaultRetryMax, &c.Grace: DefaultGrace,
	} {
		*value = cmp.Or(*value, def)
	}
	if c.Batch < 0 || c.BatchBytes < 0 || c.MaxAttempts < 0 || c.Poll < 0 || c.KeepSent < 0 || c.RetryMin < 0 || c.RetryMax < 0 || c.Grace < 0 {
		return c, configErrorf("no number and no duration may be negative")
	}
	if c.Judge == nil {
		c.Judge = Judge
	}
	if c.OnProgress == nil {
		c.OnProgress = func(Progress) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
