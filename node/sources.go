package node

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/internal/streamsdk"
	"github.com/eventnode/eventnode/membership"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/bot"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

// Source is a bot whose shards this node runs, together with all others that have a source of
// this name. It is the same on all of them. Some nodes need storage.
type Source struct {
	// Shard is how each shard connects; its Name is the source's. Its Logger and Registerer
	// are the node's.
	Shard shard.Config
	// Shards is which there are. Defaults to as many as Shard.API recommends.
	Shards fleet.Spec
	// NoCache keeps nothing of what the source says: old is always null.
	NoCache bool
	// Cache bounds what is kept.
	Cache cache.MemoryConfig
	// Handlers are this node's. Defaults to none.
	Handlers *source.Handlers
	// Fleet is how the shards are shared, as far as it says something; its Node, Groups,
	// Streams, Locks and Shards are the node's and Shards.
	Fleet fleet.Config
}

// sources are the bots of this node.
type sources struct {
	p       *parts
	bots    map[string]*bot.Bot
	service *bot.Service
	asked   context.Context //nolint:containedctx // ends when the bots are to stop
	stop    context.CancelFunc
	ended   chan struct{} // closed when they have
}

// openSources makes the bots. It starts nothing.
func (n *Node) openSources(p *parts) (*sources, error) {
	s := &sources{p: p, bots: map[string]*bot.Bot{}, ended: make(chan struct{})}
	s.asked, s.stop = context.WithCancel(context.Background())
	for _, c := range n.cfg.Sources {
		name := c.Shard.Name
		if s.bots[name] != nil {
			return nil, fmt.Errorf("node: there are two sources %q: %w", name, eventnode.ErrInvalidArgument)
		}
		var err error
		if s.bots[name], err = bot.New(s.config(n, c)); err != nil {
			return nil, fmt.Errorf("source %q: %w", name, err)
		}
	}
	s.service = bot.NewService(bot.ServiceConfig{Self: p.self.ID, Bots: s.bots, Runners: s.runners, Sources: s.names, Nodes: s})
	return s, nil
}

func (s *sources) config(n *Node, c Source) bot.Config {
	c.Shard.Logger, c.Shard.Registerer = s.p.cfg.Logger, s.p.cfg.Registry
	c.Fleet.Node, c.Fleet.Groups, c.Fleet.Shards = s.p.self, n, c.Shards
	c.Fleet.Streams, c.Fleet.Locks = s.p.streams(""), streamsdk.NewLocks(s.p.streamsConfig(""))
	cfg := bot.Config{Shard: c.Shard, Fleet: c.Fleet, Live: n, Nodes: s, Handlers: c.Handlers, Memory: c.Cache}
	if c.NoCache {
		cfg.Store = cache.None{}
	}
	return cfg
}

// run runs the bots until they are told to stop, or ctx ends.
func (s *sources) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.stop)()
	g, running := errgroup.WithContext(s.asked)
	for name, b := range s.bots {
		g.Go(func() error {
			if err := b.Run(running); err != nil {
				return fmt.Errorf("source %q: %w", name, err)
			}
			return nil
		})
	}
	err := g.Wait()
	if close(s.ended); err == nil {
		<-ctx.Done()
	}
	return err
}

// drain stops the bots in good order: other nodes go on with their shards.
func (s *sources) drain() {
	s.stop()
	<-s.ended
}

// runners is which nodes run a source.
func (s *sources) runners(ctx context.Context, source string) ([]eventnode.NodeID, error) {
	return fleet.Runners(ctx, s.p.groups, source)
}

// Call implements bot.Nodes.
func (s *sources) Call(ctx context.Context, node eventnode.NodeID, req *clusterv1.SourceRequest, take func(*clusterv1.SourceResponse) error) error {
	for _, m := range s.p.members.Nodes() {
		if m.Ref.ID == node && m.State == membership.Alive {
			return s.p.links.Source(ctx, m.Ref, req, take)
		}
	}
	return fmt.Errorf("no node %s: %w", node, eventnode.ErrUnavailable)
}

// names is which sources there are on all nodes.
func (s *sources) names(ctx context.Context) ([]string, error) { return fleet.Sources(ctx, s.p.groups) }

// Bot returns a source that this node runs, by its name. Before Ready it waits.
func (n *Node) Bot(ctx context.Context, name string) (*bot.Bot, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	if b := p.sources.bots[name]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("this node does not run the source %.80q: %w", name, eventnode.ErrSourceNotFound)
}
