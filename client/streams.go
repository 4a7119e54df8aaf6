package client

import (
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk"
)

// How streams work: as everywhere (internal/streamsdk), over the client's connection
// to its node. What is published goes straight to the leader as soon as an answer
// has said where that is, over a connection of its own; when that is lost, through
// the client's node again.

// StreamsOption changes what Streams, Consumers and Locks return.
type StreamsOption func(*streamsdk.Config)

// WithNamespace sets the namespace of the streams and locks. Defaults to the default one.
func WithNamespace(namespace string) StreamsOption {
	return func(c *streamsdk.Config) { c.Namespace = namespace }
}

// WithPatience sets for how long what nobody can do (there is no leader, no node
// answers) is tried again before it is ErrUnavailable. An election takes a second
// or two. Defaults to 5 s; negative: not at all.
func WithPatience(d time.Duration) StreamsOption {
	return func(c *streamsdk.Config) { c.Patience = d }
}

// Streams returns the streams of a namespace. Each value is a producer with an order
// and a window (WithWindow) of its own: make one and keep it. It ends with the
// client.
func (c *Client) Streams(opts ...StreamsOption) eventnode.Streams {
	return c.opts.tracer.Streams(streamsdk.New(c.streamsConfig(opts...)))
}

func (c *Client) streamsConfig(opts ...StreamsOption) streamsdk.Config {
	backend := &streamsBackend{c}
	cfg := streamsdk.Config{
		Backend: backend, Consumers: backend, Context: c.ctx, Start: c.start,
		WindowBytes: c.opts.windowBytes, Logger: c.opts.log,
	}
	for _, opt := range opts {
		opt(&cfg)
	}
	return cfg
}
