package source

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

// Mode is how events are handled.
type Mode uint8

// The modes.
const (
	// TaskPerEvent handles each event by itself, in no order: the default.
	TaskPerEvent Mode = iota
	// Sequential handles one event after the other, in their order.
	Sequential
	// OrderedByKey handles events of one key one after the other, in their order, and
	// those of other keys beside them.
	OrderedByKey
)

// String returns the mode's name, such as "task_per_event".
func (m Mode) String() string {
	switch m {
	case TaskPerEvent:
		return "task_per_event"
	case Sequential:
		return "sequential"
	case OrderedByKey:
		return "ordered_by_key"
	}
	return "unknown"
}

// The defaults of HandlersConfig.
const (
	DefaultConcurrency = 64
	DefaultQueue       = 1024
	DefaultWaiters     = 1024
)

// HandlersConfig is the configuration of Handlers. The zero value handles each event in a
// task of its own.
type HandlersConfig struct {
	// Name tells them from others in metrics. Defaults to "handlers".
	Name string
	// Mode is how events are handled. Defaults to TaskPerEvent.
	Mode Mode
	// Key is what orders an event among others, for OrderedByKey; it must not block. An
	// event whose key is empty waits for nobody. Required there.
	Key func(e Event) string
	// Concurrency is how many events of one source are handled at once; not for
	// Sequential. Defaults to 64.
	Concurrency int
	// Queue is how many events of one source may wait for others of their key, for
	// OrderedByKey. When it is full the source waits: one slow key then holds up all.
	// Defaults to 1,024.
	Queue int
	// Drain is how long handlers may take when Run is to end; then their contexts end.
	// A Pipeline has its own. Defaults to 10 s.
	Drain time.Duration
	// MaxWaiters bounds those that wait for an event at one time (Expect). Defaults to
	// 1,024.
	MaxWaiters int
	// Logger takes failures, at most a line a second for each name. Defaults to discard.
	Logger *slog.Logger
	// Registerer takes the metrics, which handlers of one registerer share. Defaults to
	// none.
	Registerer prometheus.Registerer
}

func (c HandlersConfig) withDefaults() (HandlersConfig, error) {
	if c.Mode > OrderedByKey {
		return c, fmt.Errorf("source: there is no mode %d: %w", c.Mode, eventnode.ErrInvalidArgument)
	}
	if (c.Mode == OrderedByKey) != (c.Key != nil) {
		return c, fmt.Errorf("source: Key is for the mode %v, and required there; this is %v: %w", OrderedByKey, c.Mode, eventnode.ErrInvalidArgument)
	}
	for name, f := range map[string]struct {
		value *int
		def   int
	}{
		"Concurrency": {&c.Concurrency, DefaultConcurrency}, "Queue": {&c.Queue, DefaultQueue}, "MaxWaiters": {&c.MaxWaiters, DefaultWaiters},
	} {
		if err := orDefault(name, f.value, f.def); err != nil {
			return c, err
		}
	}
	if err := orDefault("Drain", &c.Drain, DefaultDrain); err != nil {
		return c, err
	}
	if c.Name == "" {
		c.Name = "handlers"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// limit is how many events of one source may run or wait.
func (c HandlersConfig) limit() int {
	if c.Mode == OrderedByKey {
		return c.Concurrency + c.Queue
	}
	return c.Concurrency
}
