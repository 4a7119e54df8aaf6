package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source"
)

// Config configures a Cache.
type Config struct {
	// Store is where this node keeps what its shards say. Needed.
	Store Store
	// Reader is where look-ups read: a Spread, where shards are on several nodes. Defaults to
	// Store. What a payload changes is always read from Store.
	Reader Reader
	// Whole is where look-ups read what is made of several values. Defaults to a Whole of
	// Reader; a Spread over the Wholes of all nodes puts each together on the node that has its
	// parts, and asks that one once.
	Whole Reader
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// Cache is what is known of a source's guilds. It is for one source, which may have many
// shards: two bots have two.
type Cache struct {
	store   Store
	reader  Reader
	whole   Reader
	metrics *metrics

	// users are locks for what several shards may write at once, by id.
	users [64]sync.Mutex
}

var _ source.Cache = (*Cache)(nil)

// New makes a Cache.
func New(cfg Config) (*Cache, error) {
	if cfg.Store == nil {
		return nil, fmt.Errorf("a cache needs Store; cache.None keeps nothing: %w", eventnode.ErrInvalidArgument)
	}
	if cfg.Reader == nil {
		cfg.Reader = cfg.Store
	}
	if cfg.Whole == nil {
		cfg.Whole = Whole{cfg.Reader}
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Cache{store: cfg.Store, reader: cfg.Reader, whole: cfg.Whole, metrics: m}, nil
}

// writer takes a payload in. Nil without an error: the payload is the event.
type writer func(c *Cache, ctx context.Context, p source.Payload) (*change, error)

// writers are those of the events that change what is kept.
var writers = map[string]writer{
	"READY":                 (*Cache).ready,
	"GUILD_CREATE":          (*Cache).guildCreate,
	"GUILD_UPDATE":          (*Cache).guildUpdate,
	"GUILD_DELETE":          (*Cache).guildDelete,
	"GUILD_EMOJIS_UPDATE":   (*Cache).emojisUpdate,
	"GUILD_STICKERS_UPDATE": (*Cache).stickersUpdate,
	"GUILD_ROLE_CREATE":     (*Cache).roleCreate,
	"GUILD_ROLE_UPDATE":     (*Cache).roleUpdate,
	"GUILD_ROLE_DELETE":     (*Cache).roleDelete,
	"GUILD_MEMBER_ADD":      (*Cache).memberAdd,
	"GUILD_MEMBER_UPDATE":   (*Cache).memberUpdate,
	"GUILD_MEMBER_REMOVE":   (*Cache).memberRemove,
	"GUILD_MEMBERS_CHUNK":   (*Cache).membersChunk,
	"CHANNEL_CREATE":        (*Cache).channelCreate,
	"CHANNEL_UPDATE":        (*Cache).channelUpdate,
	"CHANNEL_DELETE":        (*Cache).channelDelete,
	"THREAD_CREATE":         (*Cache).channelCreate,
	"THREAD_UPDATE":         (*Cache).channelUpdate,
	"THREAD_DELETE":         (*Cache).channelDelete,
	"THREAD_LIST_SYNC":      (*Cache).threadListSync,
	"MESSAGE_CREATE":        (*Cache).messageCreate,
	"MESSAGE_UPDATE":        (*Cache).messageUpdate,
	"MESSAGE_DELETE":        (*Cache).messageDelete,
	"MESSAGE_DELETE_BULK":   (*Cache).messageDeleteBulk,
	"PRESENCE_UPDATE":       (*Cache).presenceUpdate,
	"USER_UPDATE":           (*Cache).userUpdate,
}

// Write takes a payload in: it keeps what is to be kept, and the change makes the events.
// Nil: the payload itself is the event. What it needs of the payload's data it copies.
//
// It may be called by several goroutines. The payloads of one shard must come one after the
// other, in their order.
func (c *Cache) Write(ctx context.Context, p source.Payload) (source.Change, error) {
	write := writers[p.Name]
	if write == nil {
		return nil, nil
	}
	made, err := write(c, ctx, p)
	switch {
	case err != nil:
		c.metrics.failed(err)
		return nil, err
	case made == nil:
		return nil, nil
	}
	return made, nil
}

// before is a value of this node, nil if it is not there.
func (c *Cache) before(ctx context.Context, key Key) ([]byte, error) {
	value, err := c.store.Read(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return value, err
}
