package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode"
)

// Dispatcher is one node's part of live dispatch. It is safe for concurrent
// use.
type Dispatcher struct {
	cfg        Config
	intN       func(n int) int // random, from 0 up to n
	table      *table
	lingers    lingers
	publishers atomic.Uint64
	publishing sync.Once
	running    atomic.Bool
	count      counters

	mu     sync.Mutex
	subs   map[*Subscription]struct{}
	closed bool

	moving chan struct{} // closed when clients are to go to other nodes
	move   sync.Once
	done   chan struct{} // closed at the end of Run
}

// New makes a dispatcher. It starts nothing.
func New(cfg Config) (*Dispatcher, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	d := &Dispatcher{
		cfg:     cfg,
		intN:    rand.IntN,
		table:   newTable(),
		lingers: lingers{more: make(chan struct{}, 1)},
		subs:    make(map[*Subscription]struct{}),
		moving:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	if err := d.register(cfg.Registerer); err != nil {
		return nil, err
	}
	return d, nil
}

// Run withdraws interest that nobody has any more, until ctx ends; then all
// subscriptions end with ErrClosed, and nothing is dispatched any more. It may
// be called once.
func (d *Dispatcher) Run(ctx context.Context) error {
	if d.running.Swap(true) {
		return fmt.Errorf("dispatch: Run was called before: %w", eventnode.ErrClosed)
	}
	d.linger(ctx)
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	close(d.done)
	for _, s := range d.all() {
		s.shut(eventnode.ErrClosed)
	}
	return nil
}

// enlist counts a subscription.
func (d *Dispatcher) enlist(s *Subscription) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return eventnode.ErrClosed
	case len(d.subs) >= d.cfg.MaxSubscriptions:
		return &eventnode.LimitError{Limit: "max_subscriptions", Max: d.cfg.MaxSubscriptions}
	}
	d.subs[s] = struct{}{}
	return nil
}

// delist forgets a subscription.
func (d *Dispatcher) delist(s *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.subs, s)
}

// all lists the present subscriptions.
func (d *Dispatcher) all() []*Subscription {
	d.mu.Lock()
	defer d.mu.Unlock()
	subs := make([]*Subscription, 0, len(d.subs))
	for s := range d.subs {
		subs = append(subs, s)
	}
	return subs
}

// ended reports whether Run has ended.
func (d *Dispatcher) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// parse checks what an event is dispatched to.
func (d *Dispatcher) parse(topic string) error {
	_, err := d.cfg.Kinds.ParseTopic(topic, d.cfg.MaxTopicBytes)
	return err
}

// parseInterest checks what is subscribed to: a topic or a pattern.
func (d *Dispatcher) parseInterest(topic string) (class, error) {
	_, isPattern, err := d.cfg.Kinds.ParseInterest(topic, d.cfg.MaxTopicBytes)
	switch {
	case err != nil:
		return classUnknown, err
	case isPattern:
		return classPattern, nil
	}
	return classTopic, nil
}

// SetInterest says whether another node wants a topic, or those of a pattern, or has members of
// a queue group for it, as its Interest has announced it. It never blocks. Calls
// for one node and topic must be in order. Nothing is made of this node itself.
func (d *Dispatcher) SetInterest(topic string, node eventnode.NodeRef, interested bool) {
	if node.ID == d.cfg.Self {
		return
	}
	// Another node may know a kind that this one does not (yet): its interest
	// is kept, and publishers here are told that the kind is unknown.
	base, _ := cutQueueKey(topic)
	c, _ := d.parseInterest(base)
	d.table.setPeer(topic, c, node, interested)
}

// Subscriptions lists this node's subscriptions that get events of topic, those by pattern
// too; of a pattern, those to it as it stands. Without a topic it lists all.
func (d *Dispatcher) Subscriptions(topic string) []eventnode.SubscriptionInfo {
	var subs []*Subscription
	if topic == "" {
		subs = d.all()
	} else {
		subs = subscriptions(d.table.views(nil, topic))
	}
	infos := make([]eventnode.SubscriptionInfo, 0, len(subs))
	for _, s := range subs {
		infos = append(infos, s.info())
	}
	return infos
}

// counters are what Stats counts.
type counters struct {
	accepted, refused, received, sent, delivered, dropped atomic.Uint64
}

// Stats are the dispatcher's counters since it was made.
type Stats struct {
	// Subscriptions is how many there are now.
	Subscriptions int
	// Topics is how many topics have interest now, here or elsewhere.
	Topics int
	// Accepted counts events taken from publishers of this node.
	Accepted uint64
	// Refused counts events refused to publishers of this node.
	Refused uint64
	// Received counts events from other nodes.
	Received uint64
	// Sent counts events given to links, once for each node.
	Sent uint64
	// Delivered counts events put into queues, once for each subscription.
	Delivered uint64
	// Dropped counts events dropped by queues, once for each subscription.
	Dropped uint64
}

// Stats returns the counters.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	subs := len(d.subs)
	d.mu.Unlock()
	return Stats{
		Subscriptions: subs,
		Topics:        d.table.topics(),
		Accepted:      d.count.accepted.Load(),
		Refused:       d.count.refused.Load(),
		Received:      d.count.received.Load(),
		Sent:          d.count.sent.Load(),
		Delivered:     d.count.delivered.Load(),
		Dropped:       d.count.dropped.Load(),
	}
}
