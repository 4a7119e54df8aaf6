package chat

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Cluster is what a hub needs of the others: the node gives it.
type Cluster interface {
	// Announce says that this node wants events of topics, Withdraw that it does not any
	// more. To say it again changes nothing.
	Announce(ctx context.Context, topics []string) error
	Withdraw(ctx context.Context, topics []string) error
	// Register says what a session of this node is, Unregister that it is here no more.
	Register(ctx context.Context, id sessions.ID, meta *clusterv1.ChatSessionMeta) error
	Unregister(ctx context.Context, ids []sessions.ID) error
	// Wait waits until the other nodes know all that was said, for a second at most, and
	// names those that do not.
	Wait(ctx context.Context) (missing []eventnode.NodeID)
	// Peers are the other nodes.
	Peers() []eventnode.NodeID
	// Call has another node do its part.
	Call(ctx context.Context, node eventnode.NodeID, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error)
}

// Hub is a node's part of a chat service. Its sessions are those of this node; what is
// asked of it, it asks the other nodes, too.
type Hub struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	kinds   map[string]Backend
	others  map[string]bool // those of Config.Kinds
	manager *sessions.Manager
	lists   *lists
	life    uint64        // tells this life of the node from all others, in origins
	number  atomic.Uint64 // of the newest event from here
	kick    chan struct{} // one place: there are interests or ends to be told
	journal *diary        // nil: nothing is journaled
	moving  chan struct{} // a place for each session that moves here
	leaving atomic.Bool   // HandOver was called

	// mu guards the directory, who subscribes to what, and what is known of sessions
	// elsewhere. Events are sent under its read lock, so none is on its way to a session
	// that has lost a topic when the change which took it returns.
	mu     sync.RWMutex
	table  *table
	roster *roster
	// departed are sessions that have moved to other nodes.
	departed *departed
	ended    []sessions.ID // to be unregistered
	// suspects are sessions of this node that another one says it has; with a journal.
	suspects map[sessions.ID]bool

	// wantMu guards which other nodes want what and where sessions are; saying orders what
	// this one says of itself.
	wantMu sync.RWMutex
	wants  map[string]map[eventnode.NodeID]bool
	places *places
	saying sync.Mutex
}

// New makes a hub. It starts nothing.
func New(cfg Config) (*Hub, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		cfg: cfg, log: cfg.Logger, metrics: m, kinds: map[string]Backend{}, others: map[string]bool{},
		kick: make(chan struct{}, 1), moving: make(chan struct{}, movesAtOnce),
		life: lifeOf(cfg.Node), table: newTable(), roster: newRoster(), departed: newDeparted(), wants: map[string]map[eventnode.NodeID]bool{}, places: newPlaces(),
	}
	if cfg.Cluster == nil {
		h.cfg.Cluster = alone{h}
	}
	h.lists = newLists(h)
	for _, b := range append(kinds(h.lists), cfg.Kinds...) {
		if h.kinds[b.Kind()] != nil {
			return nil, fmt.Errorf("two backends for kind %q: %w", b.Kind(), eventnode.ErrInvalidArgument)
		}
		h.kinds[b.Kind()] = b
	}
	for _, b := range cfg.Kinds {
		h.others[b.Kind()] = true
	}
	cfg.Sessions.OnEnd, cfg.Sessions.Registerer = h.onEnd, cfg.Registerer
	if h.journal, err = newDiary(h); err != nil {
		return nil, err
	}
	if h.journal != nil {
		cfg.Sessions.OnSend, h.table.changed = h.journal.onSend, map[*sessions.Session]bool{}
	}
	if h.manager, err = sessions.New(cfg.Sessions); err != nil {
		return nil, err
	}
	return h, nil
}

// Sessions are those of this node.
func (h *Hub) Sessions() *sessions.Manager { return h.manager }

// Run ends sessions whose clients do not come back, and tells the other nodes, until ctx
// ends. Then it ends all sessions, and returns nil.
func (h *Hub) Run(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return h.manager.Run(running) })
	g.Go(func() error { return h.journal.run(running, h.due) })
	g.Go(func() error { return h.keepSaying(running) })
	err := g.Wait()
	h.manager.Close()
	return err
}

// ready waits until the hub knows enough to serve, as long as other nodes are waited for.
func (h *Hub) ready(ctx context.Context) error {
	select {
	case <-h.cfg.Ready:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.CallTimeout)
	defer cancel()
	select {
	case <-h.cfg.Ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("this node does not know the chat service's directory and topics yet: %w", eventnode.ErrUnavailable)
	}
}

// onEnd forgets a session that has ended.
func (h *Hub) onEnd(s *sessions.Session, why sessions.Reason) {
	h.journal.over(s, why)
	h.mu.Lock()
	h.table.drop(s)
	h.lists.leave(s)
	h.ended = append(h.ended, s.ID())
	h.mu.Unlock()
	h.metrics.ended.WithLabelValues(why.String()).Inc()
	h.kickOff()
}

// SetInterest says that another node wants events of a topic, or does not any more. The
// node calls it.
func (h *Hub) SetInterest(topic string, node eventnode.NodeID, wanted bool) {
	h.wantMu.Lock()
	defer h.wantMu.Unlock()
	of := h.wants[topic]
	switch {
	case wanted && of == nil:
		h.wants[topic] = map[eventnode.NodeID]bool{node: true}
	case wanted:
		of[node] = true
	default:
		if delete(of, node); len(of) == 0 {
			delete(h.wants, topic)
		}
	}
}

// backend is the kind of a topic, and its key.
func (h *Hub) backend(topic string) (Backend, string, error) {
	kind, key, err := split(topic)
	if err != nil {
		return nil, "", err
	}
	b := h.kinds[kind]
	if b == nil {
		return nil, "", &eventnode.TopicError{Topic: topic, Reason: fmt.Sprintf("there is no kind %q", kind)}
	}
	if err := b.Check(key); err != nil {
		return nil, "", topicError(topic, err)
	}
	return b, key, nil
}

// nodesOf are the other nodes that have sessions for topics, which are well formed.
func (h *Hub) nodesOf(topics []string) map[eventnode.NodeID]bool {
	nodes := map[eventnode.NodeID]bool{}
	var users []sessions.Snowflake
	h.wantMu.RLock()
	for _, topic := range topics {
		b, key, _ := h.backend(topic)
		if of, ok := b.Users(key); ok {
			users = append(users, of...)
			continue
		}
		for node := range h.wants[topic] {
			nodes[node] = true
		}
	}
	h.wantMu.RUnlock()
	h.addNodes(users, nodes)
	return nodes
}

// addNodes adds the other nodes that have sessions of users.
func (h *Hub) addNodes(users []sessions.Snowflake, nodes map[eventnode.NodeID]bool) {
	h.wantMu.RLock()
	for _, u := range users {
		h.places.nodes(u, nodes)
	}
	h.wantMu.RUnlock()
	delete(nodes, h.cfg.Node.ID)
}
