package chat

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// Defaults of Config.
const (
	DefaultMaxEventBytes = 1 << 20
	DefaultMaxTopics     = 10_000
	DefaultMaxFilter     = 100_000
	DefaultCallTimeout   = 3 * time.Second
)

// Config of a Hub.
type Config struct {
	// Node is this life of this node. Required.
	Node eventnode.NodeRef
	// Cluster is the other nodes. Defaults to none.
	Cluster Cluster
	// Directory is who is where. Required. It changes in Hub.Apply only.
	Directory Directory
	// Progress is how far the directory is. Defaults to one that never changes.
	Progress Progress
	// Ready closes when the node knows who is where, and what the others want: until then
	// nothing is done but what other nodes ask. Defaults to at once.
	Ready <-chan struct{}
	// Kinds are backends beside the six. They are the same on all nodes. Defaults to none.
	Kinds []Backend
	// Sessions is about the sessions of this node; its OnEnd and Registerer are the hub's.
	Sessions sessions.Config
	// Release is asked whether a session that has a socket, and is wanted on another node,
	// may go: it takes the socket away if its client does not answer any more. Defaults to
	// one that never lets go.
	Release func(ctx context.Context, s *sessions.Session) bool
	// MaxEventBytes bounds a payload. Defaults to 1 MiB.
	MaxEventBytes int
	// MaxTopics bounds the topics of a request, and those of Kinds that a session subscribes
	// to: of the six it has as many as the directory says. Defaults to 10,000.
	MaxTopics int
	// MaxFilter bounds the sessions, and the users, of a filter. Defaults to 100,000.
	MaxFilter int
	// CallTimeout is how long other nodes are waited for. Defaults to 3 s.
	CallTimeout time.Duration
	// Journal has sessions outlive their nodes; the same on all nodes. Defaults to none.
	Journal *Journal
	// Logger takes what operators should know. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// Progress is how far a node's directory is.
type Progress interface {
	// Applied is the position of the newest change that this node has applied.
	Applied() eventnode.Position
	// Wait waits until it has applied one, or fails with the cause of ctx's end.
	Wait(ctx context.Context, p eventnode.Position) error
}

// still is a directory that does not change.
type still struct{}

// Applied implements Progress.
func (still) Applied() eventnode.Position { return eventnode.Position{} }

// Wait implements Progress.
func (still) Wait(context.Context, eventnode.Position) error { return nil }

func (c Config) withDefaults() (Config, error) {
	if c.Directory == nil || c.Node.ID == "" {
		return c, fmt.Errorf("chat: Node and Directory are required: %w", eventnode.ErrInvalidArgument)
	}
	for _, f := range []struct {
		value *int
		def   int
	}{
		{&c.MaxEventBytes, DefaultMaxEventBytes},
		{&c.MaxTopics, DefaultMaxTopics},
		{&c.MaxFilter, DefaultMaxFilter},
	} {
		if *f.value <= 0 {
			*f.value = f.def
		}
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = DefaultCallTimeout
	}
	if c.Ready == nil {
		now := make(chan struct{})
		close(now)
		c.Ready = now
	}
	if c.Release == nil {
		c.Release = func(context.Context, *sessions.Session) bool { return false }
	}
	if c.Progress == nil {
		c.Progress = still{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// lifeOf is a number for this life of a node.
func lifeOf(ref eventnode.NodeRef) uint64 { return max(1, xxhash.Sum64String(ref.String())) }
