package source

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

// The defaults of Config.
const (
	DefaultWindow = 64
	DefaultDrain  = 10 * time.Second
)

// Config of a Pipeline. Only Source is required.
type Config struct {
	// Source is what says what happens.
	Source Source
	// Cache is what is known of its state. Defaults to none: each payload is an event.
	Cache Cache
	// Handlers are this node's. Several pipelines may have the same. Defaults to none.
	Handlers *Handlers
	// Dispatcher sends events to consumers on all nodes. Defaults to none.
	Dispatcher Dispatcher
	// Plain makes the events of a payload when no change says what they are: the cache
	// keeps nothing of it, or has failed, or the change has. Defaults to one event, the
	// payload as it is.
	Plain func(p Payload) []Event
	// After is the newest payload that became events before, where another pipeline has
	// had the source: see Pipeline.Last. Defaults to nobody knows.
	After Origin

	// Window is how many payloads may be under way: taken in, and not all of their
	// handlers have returned. 1 gives credit only for what is handled; more lets handlers
	// of several payloads run beside each other, and as many may be lost to this node's
	// handlers when its process is killed. Consumers elsewhere were sent what was
	// credited in any case. Defaults to 64.
	Window int
	// Drain is how long what is under way may take when Run is to end. Then contexts of
	// handlers end. Defaults to 10 s.
	Drain time.Duration

	// Logger takes failures, at most a line a second for each step. Defaults to discard.
	Logger *slog.Logger
	// Registerer takes the metrics, which pipelines of one registerer share. Defaults to
	// none.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() (Config, error) {
	if c.Source == nil {
		return c, fmt.Errorf("source: a pipeline needs a Source: %w", eventnode.ErrInvalidArgument)
	}
	if err := CheckName(c.Source.Name()); err != nil {
		return c, err
	}
	if err := orDefault("Window", &c.Window, DefaultWindow); err != nil {
		return c, err
	}
	if err := orDefault("Drain", &c.Drain, DefaultDrain); err != nil {
		return c, err
	}
	if c.Cache == nil {
		c.Cache = noCache{}
	}
	if c.Dispatcher == nil {
		c.Dispatcher = noDispatcher{}
	}
	if c.Plain == nil {
		c.Plain = plain
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// plain is a payload as the event that it is.
func plain(p Payload) []Event { return []Event{{Name: p.Name, Data: p.Data, Origin: p.Origin}} }

// noCache knows nothing.
type noCache struct{}

var _ Cache = noCache{}

// Write implements Cache.
func (noCache) Write(context.Context, Payload) (Change, error) { return nil, nil }

// noDispatcher has nobody to send to.
type noDispatcher struct{}

var _ Dispatcher = noDispatcher{}

// Dispatch implements Dispatcher.
func (noDispatcher) Dispatch(context.Context, []Event) error { return nil }
