package bot

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

// Defaults of Config.
const (
	DefaultLinger   = 5 * time.Second
	DefaultTakeOver = 10 * time.Second
)

// Config of a Bot. It is the same on all nodes, but for what is the node's.
type Config struct {
	// Shard is how each shard connects: its name is the bot's. What is of one shard (its
	// number, Resume, Identify, OnProgress, Normalise) is not used.
	Shard shard.Config
	// Fleet is how the shards are shared; its Node, Groups, Streams and Locks are required.
	// Source, Open and Advise are not used.
	Fleet fleet.Config
	// Live is where events are dispatched. Required.
	Live eventnode.Live
	// Nodes asks the others what they know. Required.
	Nodes Nodes
	// Store keeps what this node's shards say; cache.None keeps nothing. Defaults to a
	// cache.Memory of Memory.
	Store  cache.Store
	Memory cache.MemoryConfig
	// Handlers are this node's. Defaults to none.
	Handlers *source.Handlers
	// Written is told of each payload when it is in the cache, one after the other for each
	// shard; what it waits for, the shard waits for. Defaults to nothing.
	Written func(ctx context.Context, p source.Payload)
	// Window is source.Config.Window. Defaults to that.
	Window int
	// TakeOver bounds how long a shard waits for what another node knows of it. Defaults to
	// 10 s.
	TakeOver time.Duration
	// Linger bounds how long a node that goes down waits for others to take over what it
	// knows of its shards. Defaults to 5 s.
	Linger time.Duration

	caches prometheus.Registerer
}

// Nodes asks the bots of other nodes.
type Nodes interface {
	// Call has the Bot.Answer of a node answer, and takes the parts of what that says, in
	// order. It fails when its context ends, at once if there is no such node, or with the
	// error of take.
	Call(ctx context.Context, node eventnode.NodeID, req *clusterv1.SourceRequest, take func(*clusterv1.SourceResponse) error) error
}

func (c Config) withDefaults() (Config, error) {
	if c.Live == nil || c.Nodes == nil {
		return c, fmt.Errorf("bot %s: Live and Nodes are required: %w", c.Shard.Name, eventnode.ErrInvalidArgument)
	}
	if err := c.Shard.Check(); err != nil {
		return c, fmt.Errorf("bot %s: %w", c.Shard.Name, err)
	}
	c.TakeOver, c.Linger = cmp.Or(c.TakeOver, DefaultTakeOver), cmp.Or(c.Linger, DefaultLinger)
	if c.Shard.Logger == nil {
		c.Shard.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Shard.Registerer != nil { // several bots of a node have several caches
		c.caches = prometheus.WrapRegistererWith(prometheus.Labels{"source": c.Shard.Name}, c.Shard.Registerer)
	}
	if c.Memory.Registerer = c.caches; c.Store == nil {
		memory, err := cache.NewMemory(c.Memory)
		if err != nil {
			return c, err
		}
		c.Store = memory
	}
	c.Fleet.Source, c.Fleet.Logger, c.Fleet.Registerer = c.Shard.Name, c.Shard.Logger, c.Shard.Registerer
	return c, nil
}
