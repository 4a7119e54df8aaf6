package bot

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

// Bot is a node's part of a bot.
type Bot struct {
	cfg    Config
	spread *cache.Spread
	cache  *cache.Cache
	live   *source.Live
	fleet  *fleet.Fleet
	*normaliser

	mu sync.Mutex
	// given are the shards that have left this node, and that no other has taken over yet:
	// closed when one has.
	given map[fleet.ShardID]chan struct{}
	pasts map[fleet.ShardID]*past // of shards that have run here
}

// New makes a Bot. It starts nothing.
func New(cfg Config) (*Bot, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Bot{cfg: cfg, given: map[fleet.ShardID]chan struct{}{}, pasts: map[fleet.ShardID]*past{}}
	if b.spread, err = cache.NewSpread(cache.SpreadConfig{Local: cfg.Store, Peers: peers{b: b}}); err != nil {
		return nil, err
	}
	whole, err := cache.NewSpread(cache.SpreadConfig{Local: cache.Whole{From: cfg.Store}, Peers: peers{b: b, whole: true}})
	if err != nil {
		return nil, err
	}
	if b.cache, err = cache.New(cache.Config{Store: cfg.Store, Reader: b.spread, Whole: whole, Registerer: cfg.caches}); err != nil {
		return nil, err
	}
	if b.normaliser, err = newNormaliser(cfg.Shard.Logger.With("source", cfg.Shard.Name), cfg.caches); err != nil {
		return nil, err
	}
	if b.live, err = source.NewLive(cfg.Live, cfg.Shard.Name); err != nil {
		return nil, err
	}
	if cfg.Shard.API != "" {
		cfg.Fleet.Advise = b.advise
	}
	cfg.Fleet.Open = b.open
	if b.fleet, err = fleet.New(cfg.Fleet); err != nil {
		return nil, err
	}
	return b, nil
}

// Run has this node take part until ctx ends. Then its shards are stopped in good order, and
// what is known of them is there for the nodes that take them over, for Config.Linger at
// most; it returns nil.
func (b *Bot) Run(ctx context.Context) error {
	defer func() { _ = b.live.Close(context.WithoutCancel(ctx)) }() // what it holds was sent
	if err := b.fleet.Run(ctx); err != nil {
		return err
	}
	b.linger(context.WithoutCancel(ctx))
	return nil
}

// Fleet is where the shards are, and commands about them.
func (b *Bot) Fleet() *fleet.Fleet { return b.fleet }

// Cache is look-ups of what all nodes know.
func (b *Bot) Cache() *cache.Cache { return b.cache }

// OfShard is what this node knows of a shard's guilds, for the node that takes it over. When
// that one has it all, it is forgotten here.
func (b *Bot) OfShard(ctx context.Context, id fleet.ShardID) iter.Seq2[cache.Entry, error] {
	return func(yield func(cache.Entry, error) bool) {
		for e, err := range cache.OfShard(ctx, b.cfg.Store, id.Index, id.Total) {
			if !yield(e, err) || err != nil {
				return
			}
		}
		b.taken(ctx, id)
	}
}

// advise asks the API for its limits.
func (b *Bot) advise(ctx context.Context) (fleet.Advice, error) {
	client := b.cfg.Shard.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	g, err := shard.Discover(ctx, client, b.cfg.Shard.API, b.cfg.Shard.Token)
	if errors.Is(err, shard.ErrRefused) {
		err = errors.Join(fleet.ErrFatal, err)
	}
	return fleet.Advice{
		Shards: g.Shards, MaxConcurrency: g.Starts.MaxConcurrency, Total: g.Starts.Total, Remaining: g.Starts.Remaining, ResetAfter: g.Starts.ResetAfter,
	}, err
}

// leave notes that a shard has left this node.
func (b *Bot) leave(id fleet.ShardID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.given[id] == nil {
		b.given[id] = make(chan struct{})
	}
}

// here notes that a shard is on this node.
func (b *Bot) here(id fleet.ShardID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.given, id)
}

// taken notes that another node knows what this one does of a shard that has left. Not so
// if it is here again meanwhile.
func (b *Bot) taken(ctx context.Context, id fleet.ShardID) {
	b.mu.Lock()
	given, ok := b.given[id]
	delete(b.given, id)
	b.mu.Unlock()
	if !ok {
		return
	}
	close(given)
	if err := b.cache.Forget(ctx, id.Index, id.Total); err != nil {
		b.cfg.Shard.Logger.WarnContext(ctx, "what is cached of a shard that has left was not forgotten", "shard", id.String(), "error", err)
	}
}

// linger waits until others have taken over what is known here.
func (b *Bot) linger(ctx context.Context) {
	b.mu.Lock()
	waiting := make([]<-chan struct{}, 0, len(b.given))
	for _, given := range b.given {
		waiting = append(waiting, given)
	}
	b.mu.Unlock()
	if len(b.fleet.Runners()) == 0 {
		return
	}
	late := time.NewTimer(b.cfg.Linger)
	defer late.Stop()
	for _, given := range waiting {
		select {
		case <-given:
		case <-late.C:
			b.cfg.Shard.Logger.InfoContext(ctx, "nobody has taken over what is cached of some shards", "shards", len(waiting))
			return
		}
	}
}
