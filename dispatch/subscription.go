package dispatch

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// Subscription is live interest in some topics. Receive and NextBatch are for
// one goroutine at a time, and for one of the two; the rest is for any.
type Subscription struct {
	d      *Dispatcher
	topics []string            // sorted, each once
	set    map[string]struct{} // the same; nil if it is one
	holder string
	group  string       // the queue group; empty: none
	filter *wire.Filter // nil: everything
	queue  queue
	ready  chan struct{} // capacity 1: the reader should look again

	nodes   int
	missing []eventnode.NodeID

	dead   atomic.Bool // shut was called: what was queued is discarded
	mu     sync.Mutex
	seats  []*seat     // guarded by mu
	gone   bool        // left its topics; guarded by mu
	unhook func() bool // stops watching the context; guarded by mu

	reader reader
}

var _ eventnode.Subscription = (*Subscription)(nil)

// Subscribe returns when every live node knows of the interest, or after one
// second. Events are queued from before that on. The subscription ends with
// ctx, with Close or with the dispatcher.
func (d *Dispatcher) Subscribe(ctx context.Context, topics []string, opts ...eventnode.SubscribeOption) (*Subscription, error) {
	s, err := d.attach(ctx, topics, nil, opts...)
	if err != nil {
		return nil, err
	}
	s.nodes, s.missing = d.cfg.Interest.Wait(ctx)
	if err := ctx.Err(); err != nil {
		s.shut(eventnode.ErrClosed)
		return nil, err
	}
	return s, nil
}

// attach makes a subscription and announces its interest, without waiting for
// the other nodes. wake is called when the reader found nothing and should look
// again; nil for Receive and NextBatch.
func (d *Dispatcher) attach(ctx context.Context, topics []string, wake func(), opts ...eventnode.SubscribeOption) (*Subscription, error) {
	o := eventnode.NewSubscribeOptions(opts...)
	d.clip(&o)
	topics, err := d.checkSubscribe(topics, o)
	if err != nil {
		return nil, err
	}
	s := d.newSubscription(topics, wake, o)
	if err := d.enlist(s); err != nil {
		return nil, err
	}
	if err := s.sit(ctx); err != nil {
		s.shut(eventnode.ErrClosed)
		return nil, err
	}
	s.follow(ctx)
	return s, nil
}

// newSubscription makes one that has no topics yet.
func (d *Dispatcher) newSubscription(topics []string, wake func(), o eventnode.SubscribeOptions) *Subscription {
	s := &Subscription{d: d, topics: topics, holder: o.Holder, group: o.QueueGroup, filter: wire.NewFilter(o.Filter)}
	if len(topics) > 1 {
		s.set = make(map[string]struct{}, len(topics))
		for _, t := range topics {
			s.set[t] = struct{}{}
		}
	}
	if wake == nil {
		s.ready = make(chan struct{}, 1)
		wake = s.signal
	}
	q := &s.queue
	q.policy, q.maxEvents, q.maxBytes, q.maxBlock = o.Policy, o.QueueEvents, o.QueueBytes, o.MaxBlock
	q.wake = wake
	return s
}

// signal wakes a reader that waits on ready.
func (s *Subscription) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// sit takes a seat in each topic and announces it.
func (s *Subscription) sit(ctx context.Context) error {
	s.mu.Lock()
	s.seats = make([]*seat, 0, len(s.topics))
	for _, t := range s.topics {
		c, _ := s.d.parseInterest(t) // it is good: it was checked
		s.seats = append(s.seats, s.d.table.sit(queueKey(t, s.group), c, s))
	}
	s.mu.Unlock()
	for _, t := range s.topics {
		if err := s.d.announce(ctx, queueKey(t, s.group)); err != nil {
			return err
		}
	}
	return nil
}

// follow ends the subscription with ctx.
func (s *Subscription) follow(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { s.shut(eventnode.ErrClosed) })
	s.mu.Lock()
	gone := s.gone
	s.unhook = stop
	s.mu.Unlock()
	if gone {
		stop()
	}
}

// Nodes is the number of nodes that knew when Subscribe returned.
func (s *Subscription) Nodes() int { return s.nodes }

// Missing lists the live nodes that did not.
func (s *Subscription) Missing() []eventnode.NodeID { return slices.Clone(s.missing) }

// Close ends the subscription and discards what is queued.
func (s *Subscription) Close() error {
	s.shut(eventnode.ErrClosed)
	return nil
}

// shut ends the subscription with err.
func (s *Subscription) shut(err error) {
	s.dead.Store(true)
	s.queue.close(err)
	s.detach()
}

// detach leaves the topics, once.
func (s *Subscription) detach() {
	s.rise()
	s.mu.Lock()
	unhook := s.unhook
	s.unhook, s.gone = nil, true
	s.mu.Unlock()
	if unhook != nil {
		unhook()
	}
	s.d.delist(s)
}

// rise gives the seats up: nothing new comes, and what is queued can still be read.
func (s *Subscription) rise() {
	s.mu.Lock()
	seats := s.seats
	s.seats = nil
	s.mu.Unlock()
	now := time.Now()
	for _, st := range seats {
		if s.d.table.leave(st, now) {
			s.d.lingers.add(st.topic, now.Add(s.d.lingerOf(st.topic)))
		}
	}
}

// wants reports whether the subscription is to one of the topics, beside another one: one
// that has a single topic is not.
func (s *Subscription) wants(views []*view) bool {
	if s.set == nil {
		return false
	}
	for _, v := range views {
		if _, ok := s.set[v.topic]; ok {
			return true
		}
	}
	return false
}

// info describes the subscription.
func (s *Subscription) info() eventnode.SubscriptionInfo {
	info := eventnode.SubscriptionInfo{Node: s.d.cfg.Self, Holder: s.holder, Topics: slices.Clone(s.topics), QueueGroup: s.group}
	s.queue.describe(&info)
	return info
}

// All ranges over deliveries until the subscription ends. The last pair holds
// the error, unless that is ErrClosed or the end of the context.
func (s *Subscription) All(ctx context.Context) iter.Seq2[eventnode.Delivery, error] {
	return func(yield func(eventnode.Delivery, error) bool) {
		for {
			d, err := s.Receive(ctx)
			if err != nil {
				if !errors.Is(err, eventnode.ErrClosed) && ctx.Err() == nil {
					yield(eventnode.Delivery{}, err)
				}
				return
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}
