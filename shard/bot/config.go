package bot

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
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
	// Store keeps what this node's shards say. Defaults to a cache.Memory with its defaults;
	// cache.None keeps nothing.
	Store cache.Store
	// Handlers are this node's. Defaults to none.
	Handlers *source.Handlers
	// Window is source.Config.Window. Defaults to that.
	Window int
	// TakeOver bounds how long a shard waits for what another node knows of it. Defaults to
	// 10 s.
	TakeOver time.Duration
	// Linger bounds how long a node that goes down waits for others to take over what it
	// knows of its shards. Defaults to 5 s.
	Linger time.Duration
}

// Nodes asks the bots of other nodes. Calls fail when their context ends.
type Nodes interface {
	// Reader reads what a node itself knows, by its Bot.Local.
	Reader(node eventnode.NodeID) cache.Reader
	// OfShard is what a node knows of a shard's guilds, by its Bot.OfShard.
	OfShard(ctx context.Context, node eventnode.NodeID, id fleet.ShardID) iter.Seq2[cache.Entry, error]
}

func (c Config) withDefaults() (Config, error) {
	if c.Live == nil || c.Nodes == nil {
		return c, fmt.Errorf("bot %s: Live and Nodes are required: %w", c.Shard.Name, eventnode.ErrInvalidArgument)
	}
	if c.Shard.Gateway == "" && c.Shard.API == "" {
		return c, fmt.Errorf("bot %s: say where to connect, with Gateway or API: %w", c.Shard.Name, eventnode.ErrInvalidArgument)
	}
	c.TakeOver, c.Linger = cmp.Or(c.TakeOver, DefaultTakeOver), cmp.Or(c.Linger, DefaultLinger)
	if c.Shard.Logger == nil {
		c.Shard.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Store == nil {
		memory, err := cache.NewMemory(cache.MemoryConfig{Registerer: c.Shard.Registerer})
		if err != nil {
			return c, err
		}
		c.Store = memory
	}
	c.Fleet.Source, c.Fleet.Logger, c.Fleet.Registerer = c.Shard.Name, c.Shard.Logger, c.Shard.Registerer
	return c, nil
}
