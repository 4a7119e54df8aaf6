package groups

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/exchange"
)

// ReservedPrefix starts the names of this project's own scopes.
const ReservedPrefix = "eventnode."

// inboxSize bounds what waits for the writer; who brings more waits for room.
const inboxSize = 4096

// Groups is one node's table of process groups.
type Groups struct {
	cfg   Config
	x     *exchange.Exchange // the writer's; its tables are read by all
	inbox chan func()        // work that waits for the turn
	wake  chan struct{}      // holds a token when Run has something to look after
	ready chan struct{}
	done  chan struct{}

	turn turn

	nextRef   atomic.Uint64
	handles   sync.Map // ref -> *member, all that are open
	handleNum atomic.Int64
	peerNum   atomic.Int64
	loads     loads
	metrics   metrics

	// The writer's own: of whoever has the turn.
	rng      *rand.Rand
	hooks    map[string][]func(Diff)
	monitors map[string]*watchers
	waiters  map[*waiter]struct{}
	backlogs map[eventnode.NodeID]*backlog
	retrying bool // Run will look after them
}

var _ eventnode.Groups = (*Groups)(nil)

// New makes a Groups. It starts nothing: see Run.
func New(cfg Config) (*Groups, error) {
	cfg = cfg.withDefaults()
	if id := string(cfg.Self.ID); id == "" || len(id) > exchange.MaxName || cfg.Self.Epoch == 0 {
		return nil, errors.New("groups: config: Self needs a name of at most 255 bytes and an epoch")
	}
	g := &Groups{
		cfg:      cfg,
		inbox:    make(chan func(), inboxSize),
		wake:     make(chan struct{}, 1),
		ready:    make(chan struct{}),
		done:     make(chan struct{}),
		rng:      rand.New(rand.NewPCG(cfg.Seed, cfg.Self.Epoch)),
		hooks:    map[string][]func(Diff){},
		monitors: map[string]*watchers{},
		waiters:  map[*waiter]struct{}{},
		backlogs: map[eventnode.NodeID]*backlog{},
	}
	g.x = exchange.New(exchange.Config{Self: cfg.Self, LogLength: cfg.LogLength, Watched: g.watched})
	if err := g.metrics.register(cfg.Registerer, g); err != nil {
		return nil, err
	}
	return g, nil
}

// Run works until ctx ends, then closes all members and monitors. It may be
// called once. It starts no other goroutine.
func (g *Groups) Run(ctx context.Context) error {
	if !g.turn.begin() {
		return errors.New("groups: Run was called twice")
	}
	close(g.ready)
	defer g.end()

	ticker := time.NewTicker(g.cfg.Interval / exchange.TicksPerHash)
	defer ticker.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		var op func()
		select {
		case <-ctx.Done():
			return nil
		case <-g.wake:
		case <-ticker.C:
			op = g.tick
		case <-retry.C:
			op = g.retryBacklogs
		}
		if g.take(op) {
			retry.Reset(backlogRetry)
		}
	}
}

// tick is what happens four times an interval.
func (g *Groups) tick() {
	g.x.Tick(g.rng.Uint64())
	g.metrics.copy(g.x.Counters())
}

// take waits for the turn and works. It reports whether to look after full
// links in a while.
func (g *Groups) take(op func()) (retry bool) {
	g.turn.Lock()
	defer g.turn.Unlock()
	g.work(op)
	retry = len(g.backlogs) > 0 && !g.retrying
	g.retrying = g.retrying || retry
	return retry
}

// end closes everything that callers may wait on.
func (g *Groups) end() {
	g.turn.finish(g.done)
	g.handles.Range(func(_, m any) bool {
		m.(*member).shut()
		return true
	})
	for _, w := range g.monitors {
		w.closeAll()
	}
}

// Ready is closed when Run has begun to work.
func (g *Groups) Ready() <-chan struct{} { return g.ready }

// PeerUp says that messages to ref can be sent from now on.
func (g *Groups) PeerUp(ref eventnode.NodeRef) {
	g.tell(func() {
		delete(g.backlogs, ref.ID)
		g.x.PeerUp(ref)
		g.peersChanged()
	})
}

// PeerDown says that they cannot any more. Its members stay as long as
// membership holds it alive.
func (g *Groups) PeerDown(ref eventnode.NodeRef) {
	g.tell(func() {
		g.x.PeerDown(ref)
		g.peersChanged()
	})
}

// NodeAlive says that membership holds ref alive. A lower epoch of that name is
// gone then.
func (g *Groups) NodeAlive(ref eventnode.NodeRef) {
	g.tell(func() {
		g.x.NodeAlive(ref)
		g.peersChanged()
	})
}

// NodeGone says that ref is dead, has left, or was replaced: its members go.
func (g *Groups) NodeGone(ref eventnode.NodeRef) {
	g.tell(func() {
		g.x.NodeGone(ref)
		g.peersChanged()
	})
}

// Receive takes messages that came over the link from a node, each an encoded
// clusterv1.Exchange, whose bytes must not change afterwards. It waits while the
// inbox is full, which is short: the writer never waits for anybody.
func (g *Groups) Receive(from eventnode.NodeRef, msgs [][]byte) {
	all := func() {
		for _, m := range msgs {
			g.x.Receive(from, m)
		}
	}
	if g.enter(context.Background()) {
		all()
		g.leaveTurn()
		return
	}
	msgs = slices.Clone(msgs)
	g.tell(all)
}

// Stats is how much there is.
type Stats struct {
	// Scopes counts those with a member on any node.
	Scopes int
	// Groups counts non-empty groups in user scopes, Memberships what is in them.
	Groups, Memberships int
	// LocalMembers counts member handles on this node.
	LocalMembers int
	// Peers counts nodes with a link up.
	Peers int
}

// Stats returns how much there is.
func (g *Groups) Stats() Stats {
	s := Stats{LocalMembers: int(g.handleNum.Load()), Peers: int(g.peerNum.Load())}
	for name, t := range g.x.Tables() {
		if strings.HasPrefix(name, ReservedPrefix) {
			continue
		}
		if t.Groups() > 0 {
			s.Scopes++
		}
		s.Groups += t.Groups()
		s.Memberships += t.Memberships()
	}
	return s
}
