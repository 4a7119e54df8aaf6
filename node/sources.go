package node

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/cache/feed"
	"github.com/eventnode/eventnode/chat"
	"github.com/eventnode/eventnode/internal/streamsdk"
	"github.com/eventnode/eventnode/membership"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
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
	// Directory has the directory of the chat service (Config.Chat, which is needed) be told
	// of the source's guilds: with roles, members and channels, and of what changes of them.
	// Nobody else should change what has their ids.
	Directory bool
	// Fleet is how the shards are shared, as far as it says something; its Node, Groups,
	// Streams, Locks and Shards are the node's and Shards.
	Fleet fleet.Config
}

// sources are the bots of this node.
type sources struct {
	p       *parts
	bots    map[string]*bot.Bot
	feeders map[string]*feed.Feeder // of those bots that feed the directory
	service *bot.Service
	asked   context.Context //nolint:containedctx // ends when the bots are to stop
	stop    context.CancelFunc
	ended   chan struct{} // closed when they have
}

// openSources makes the bots. It starts nothing.
func (n *Node) openSources(p *parts) (*sources, error) {
	s := &sources{p: p, bots: map[string]*bot.Bot{}, feeders: map[string]*feed.Feeder{}, ended: make(chan struct{})}
	s.asked, s.stop = context.WithCancel(context.Background())
	for _, c := range n.cfg.Sources {
		name := c.Shard.Name
		if s.bots[name] != nil {
			return nil, fmt.Errorf("node: there are two sources %q: %w", name, eventnode.ErrInvalidArgument)
		}
		var err error
		cfg := s.config(n, c)
		if c.Directory {
			if p.chat == nil {
				return nil, fmt.Errorf("source %q: Directory is for nodes with a chat service: set Chat.Enabled: %w", name, eventnode.ErrInvalidArgument)
			}
			cfg.Written = func(ctx context.Context, pl source.Payload) { s.feeders[name].Note(ctx, pl) }
		}
		if s.bots[name], err = bot.New(cfg); err != nil {
			return nil, fmt.Errorf("source %q: %w", name, err)
		}
		if c.Directory {
			s.feeders[name] = feed.New(feed.Config{Cache: s.bots[name].Cache(), Directory: directoryOf{p.chat}, Logger: p.cfg.Logger.With("source", name)})
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
	for _, f := range s.feeders {
		g.Go(func() error { f.Run(running); return nil })
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

// directoryOf is the chat service's directory, to a feeder.
type directoryOf struct{ chat *chatService }

var _ feed.Directory = directoryOf{}

// View implements feed.Directory.
func (d directoryOf) View(f func(feed.View)) {
	d.chat.hub.View(func(chat.Directory) { f(d.chat.state) })
}

// Submit implements feed.Directory.
func (d directoryOf) Submit(ctx context.Context, changes ...*eventnodev1.DirectoryChange) ([]error, error) {
	refused, _, err := d.chat.log.Submit(ctx, changes...)
	return refused, err
}
