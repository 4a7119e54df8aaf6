package dispatch

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// cluster joins dispatchers directly: what one sends is received by the other
// on the same goroutine.
type cluster struct {
	t     testing.TB
	nodes []*testNode

	mu    sync.Mutex
	drop  func(from, to eventnode.NodeID, topic string, count int) bool // nil: nothing
	down  map[eventnode.NodeID]bool
	deaf  bool           // nobody hears what ends
	eager map[string]int // sends to queue groups that would wait for room, by "from>to"
	sends map[string]int // runs by "from>to"
}

// testNode is a dispatcher with its seams.
type testNode struct {
	*Dispatcher
	c          *cluster
	ref        eventnode.NodeRef
	publishing int
	announced  map[string]int // by topic: announcements less withdrawals
	announcing func()         // called by Announce; nil: nothing
}

var (
	_ Links    = (*testNode)(nil)
	_ Interest = (*testNode)(nil)
)

// newCluster makes n nodes n1, n2, ... that run until the test ends.
func newCluster(t testing.TB, n int, cfg Config) *cluster {
	t.Helper()
	c := &cluster{t: t, sends: map[string]int{}, eager: map[string]int{}, down: map[eventnode.NodeID]bool{}}
	for i := range n {
		node := &testNode{c: c, ref: eventnode.NodeRef{ID: eventnode.NodeID(fmt.Sprintf("n%d", i+1)), Epoch: 1}, announced: map[string]int{}}
		cfg := cfg
		cfg.Self, cfg.Links, cfg.Interest = node.ref.ID, node, node
		d, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		node.Dispatcher = d
		c.nodes = append(c.nodes, node)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, node := range c.nodes {
		wg.Go(func() {
			if err := node.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	return c
}

func (c *cluster) node(id eventnode.NodeID) *testNode {
	for _, n := range c.nodes {
		if n.ref.ID == id {
			return n
		}
	}
	c.t.Fatalf("no node %s", id)
	return nil
}

// count notes a send and reports whether it is to be dropped.
func (c *cluster) count(from, to eventnode.NodeID, topic string, n int) (drop, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sends[fmt.Sprintf("%s>%s", from, to)]++
	return c.drop != nil && c.drop(from, to, topic, n), c.down[to]
}

func (n *testNode) Send(ctx context.Context, to eventnode.NodeRef, _ uint32, topic string, run wire.Piece, count int) bool {
	peer := n.c.node(to.ID)
	if drop, _ := n.c.count(n.ref.ID, to.ID, topic, count); drop {
		peer.Dropped(n.ref.ID, topic, uint64(count))
		return false
	}
	if err := peer.Receive(ctx, n.ref, run); err != nil {
		n.c.t.Error(err)
	}
	return true
}

func (n *testNode) SendQueued(ctx context.Context, to eventnode.NodeRef, _ uint32, topic string, a wire.Audience, run wire.Piece, count int) bool {
	peer := n.c.node(to.ID)
	drop, down := n.c.count(n.ref.ID, to.ID, topic, count)
	if ctx.Err() == nil {
		n.c.mu.Lock()
		n.c.eager[fmt.Sprintf("%s>%s", n.ref.ID, to.ID)]++
		n.c.mu.Unlock()
	}
	if drop {
		peer.Dropped(n.ref.ID, topic, uint64(count))
	}
	if drop || down {
		return false
	}
	if err := peer.ReceiveQueued(ctx, n.ref, a, run); err != nil {
		n.c.t.Error(err)
	}
	return true
}

func (n *testNode) Track(ctx context.Context, to eventnode.NodeRef, _ uint32, topic string, a wire.Audience, envelope []byte, reply func(int, error)) {
	drop, down := n.c.count(n.ref.ID, to.ID, topic, 1)
	switch {
	case drop:
		n.c.node(to.ID).Dropped(n.ref.ID, topic, 1)
		reply(0, eventnode.ErrUnavailable)
	case down: // never answers
	default:
		reply(n.c.node(to.ID).ReceiveTracked(ctx, n.ref, a, envelope))
	}
}

func (n *testNode) SetPublishing() { n.publishing++ }

func (n *testNode) Announce(_ context.Context, topic string) error {
	if n.announcing != nil {
		n.announcing()
	}
	n.tell(topic, true)
	return nil
}

func (n *testNode) Withdraw(topic string) { n.tell(topic, false) }

func (n *testNode) tell(topic string, wants bool) {
	n.c.mu.Lock()
	if wants {
		n.announced[topic]++
	} else {
		n.announced[topic]--
	}
	deaf := n.c.deaf && !wants
	n.c.mu.Unlock()
	if deaf {
		return
	}
	for _, peer := range n.c.nodes {
		peer.SetInterest(topic, n.ref, wants)
	}
}

func (n *testNode) wants(topic string) int {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	return n.announced[topic]
}

func (n *testNode) Wait(context.Context) (int, []eventnode.NodeID) { return len(n.c.nodes), nil }

// publisher makes a publisher or fails the test.
func (n *testNode) publisher() *Publisher {
	n.c.t.Helper()
	p, err := n.NewPublisher(context.Background())
	if err != nil {
		n.c.t.Fatal(err)
	}
	return p
}

// subscribe subscribes or fails the test.
func (n *testNode) subscribe(topics []string, opts ...eventnode.SubscribeOption) *Subscription {
	n.c.t.Helper()
	s, err := n.Subscribe(context.Background(), topics, opts...)
	if err != nil {
		n.c.t.Fatal(err)
	}
	return s
}

// dispatch dispatches an event whose name is name.
func dispatch(t testing.TB, p *Publisher, name string, topics ...string) {
	t.Helper()
	if _, err := p.DispatchMany(context.Background(), topics, event.New(name, nil)); err != nil {
		t.Fatal(err)
	}
}

// names reads what is queued: the names of events, and gaps in brackets.
func names(t testing.TB, s *Subscription) (got []string) {
	t.Helper()
	for {
		queued := s.queueLen() > 0 || len(s.reader.rest) > 0 || len(s.reader.batch.Gaps) > 0
		if !queued {
			return got
		}
		d, err := s.Receive(context.Background())
		if err != nil {
			return append(got, err.Error())
		}
		if d.Gap == nil {
			got = append(got, d.Event.Name)
			continue
		}
		count := "?"
		if d.Gap.Known {
			count = fmt.Sprint(d.Gap.Count)
		}
		got = append(got, fmt.Sprintf("[%s%s %s]", d.Gap.Node, d.Gap.Reason, count))
	}
}

// queueLen counts what is queued: events, and 1 for gaps behind them or an end.
func (s *Subscription) queueLen() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	n := s.queue.events
	if len(s.queue.tail) > 0 || s.queue.end != nil {
		n++
	}
	return n
}
