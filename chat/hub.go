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
	manager *sessions.Manager
	lists   *lists
	life    uint64        // tells this life of the node from all others, in origins
	number  atomic.Uint64 // of the newest event from here
	kick    chan struct{} // one place: there are interests or ends to be told
	journal *diary        // nil: nothing is journaled

	// mu guards the directory, who subscribes to what, and what is known of sessions
	// elsewhere. Events are sent under its read lock, so none is on its way to a session
	// that has lost a topic when the change which took it returns.
	mu     sync.RWMutex
	table  *table
	roster *roster
	ended  []sessions.ID // to be unregistered
	// suspects are sessions of this node that another one says it has; with a journal.
	suspects map[sessions.ID]bool

	// wantMu guards which other nodes want what, and orders what this one says of itself.
	wantMu sync.RWMutex
	wants  map[string]map[eventnode.NodeID]bool
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
		cfg: cfg, log: cfg.Logger, metrics: m, kinds: map[string]Backend{}, kick: make(chan struct{}, 1),
		life: lifeOf(cfg.Node), table: newTable(), roster: newRoster(), wants: map[string]map[eventnode.NodeID]bool{},
	}
	h.lists = newLists(h)
	for _, b := range append(kinds(h.lists), cfg.Kinds...) {
		if h.kinds[b.Kind()] != nil {
			return nil, fmt.Errorf("two backends for kind %q: %w", b.Kind(), eventnode.ErrInvalidArgument)
		}
		h.kinds[b.Kind()] = b
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
	g.Go(func() error {
		for {
			select {
			case <-h.kick:
				h.say(running)
			case <-running.Done():
				return nil
			}
		}
	})
	err := g.Wait()
	h.manager.Close()
	return err
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

// kickOff has Run tell the other nodes soon.
func (h *Hub) kickOff() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// say tells the other nodes what this one wants, and which sessions have ended. What
// fails does so because the node is going down, and then nobody asks.
func (h *Hub) say(ctx context.Context) {
	h.saying.Lock()
	defer h.saying.Unlock()
	h.mu.Lock()
	more, less := h.table.wants()
	ended := h.ended
	h.ended = nil
	h.journal.tellAll(h.table.changed)
	h.mu.Unlock()
	if len(ended) > 0 {
		h.tellFailure("unregister sessions", h.cfg.Cluster.Unregister(ctx, ended))
	}
	if len(less) > 0 {
		h.tellFailure("withdraw topics", h.cfg.Cluster.Withdraw(ctx, less))
	}
	if len(more) > 0 {
		h.tellFailure("announce topics", h.cfg.Cluster.Announce(ctx, more))
	}
}

func (h *Hub) tellFailure(what string, err error) {
	if err != nil {
		h.metrics.failures.WithLabelValues("announce").Inc()
		h.log.Warn("the other nodes were not told", "what", what, "error", err)
	}
}

// settle tells the other nodes, and waits until they know.
func (h *Hub) settle(ctx context.Context) (missing []eventnode.NodeID) {
	h.say(ctx)
	missing = h.cfg.Cluster.Wait(ctx)
	if h.confirm(ctx) != nil {
		missing = append(missing, h.cfg.Node.ID)
	}
	return missing
}

// confirm waits until what was said to the journal is written.
func (h *Hub) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.CallTimeout)
	defer cancel()
	return h.journal.flush(ctx)
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
	if len(users) > 0 {
		h.mu.RLock()
		for _, u := range users {
			h.roster.nodes(u, nodes)
		}
		h.mu.RUnlock()
	}
	delete(nodes, h.cfg.Node.ID)
}
