package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode"
)

// Received is an event, or a gap.
type Received struct {
	Event Event
	// Seen is what its number says: whether something before it is missing, or whether it
	// has come before.
	Seen Seen
	// Gap, if set, tells of events that did not come, at this place: this consumer was too
	// slow, or something was lost on the way. Event is zero then.
	Gap *eventnode.Gap
}

// Consumer receives what a source says, while it is in the group. Receive is for one
// goroutine at a time, everything else for any.
type Consumer struct {
	g      *ConsumerGroup
	member eventnode.Member
	opts   []eventnode.SubscribeOption

	turn    chan struct{}   // held while joining and leaving
	ended   context.Context //nolint:containedctx // ends with Close
	end     context.CancelFunc
	foreign atomic.Uint64

	mu      sync.Mutex
	joined  int
	sub     eventnode.Subscription // nil: it is not in the group
	changed chan struct{}          // closed when sub is another one

	// Receive's.
	tracker Tracker
	last    Received
	again   int // how often last is to be returned still
}

func newConsumer(g *ConsumerGroup, member eventnode.Member, opts []eventnode.SubscribeOption) *Consumer {
	c := &Consumer{g: g, member: member, opts: opts, turn: make(chan struct{}, 1), changed: make(chan struct{})}
	c.ended, c.end = context.WithCancel(context.Background())
	return c
}

// Ref names the consumer among the members of its group.
func (c *Consumer) Ref() eventnode.MemberRef { return c.member.Ref() }

// Foreign counts what came by the topic and is no event of the source. It is left out.
func (c *Consumer) Foreign() uint64 { return c.foreign.Load() }

// alone waits for its turn to join or leave.
func (c *Consumer) alone(ctx context.Context) (done func(), err error) {
	if c.ended.Err() != nil {
		return nil, fmt.Errorf("source: the consumer: %w", ErrClosed)
	}
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-c.ended.Done():
		return nil, fmt.Errorf("source: the consumer: %w", ErrClosed)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// join subscribes first: whoever sees it in the group can reach it.
func (c *Consumer) join(ctx context.Context) error {
	done, err := c.alone(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := c.subscribe(ctx); err != nil {
		return err
	}
	_, err = c.g.live.Scope(GroupScope).Join(ctx, c.g.source, []eventnode.Member{c.member})
	c.mu.Lock()
	if err == nil {
		c.joined++
	}
	joined := c.joined
	c.mu.Unlock()
	if joined == 0 {
		c.unsubscribe()
	}
	return err
}

// subscribe subscribes, unless it has. The subscription lasts until Close or the last
// leave.
func (c *Consumer) subscribe(ctx context.Context) error {
	if sub, _ := c.now(); sub != nil {
		return nil
	}
	life, end := context.WithCancel(c.ended)
	opening := context.AfterFunc(ctx, end)
	sub, err := c.g.live.Subscribe(life, []string{Topic(c.g.source)}, c.opts...)
	if !opening() && err == nil {
		err = errors.Join(context.Cause(ctx), sub.Close())
	}
	if err != nil {
		end()
		return err
	}
	c.set(&lasting{sub, end})
	return nil
}

// lasting is a subscription that frees its context.
type lasting struct {
	eventnode.Subscription
	end context.CancelFunc
}

// Close implements eventnode.Subscription.
func (l *lasting) Close() error {
	defer l.end()
	return l.Subscription.Close()
}

func (c *Consumer) set(sub eventnode.Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sub = sub
	close(c.changed)
	c.changed = make(chan struct{})
}

// now is the subscription, and what tells that there is another one.
func (c *Consumer) now() (sub eventnode.Subscription, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sub, c.changed
}

func (c *Consumer) unsubscribe() {
	if sub, _ := c.now(); sub != nil {
		c.set(nil)
		_ = sub.Close() // whatever it says, nothing more is received
	}
}

// leave leaves the group once.
func (c *Consumer) leave(ctx context.Context) error {
	done, err := c.alone(ctx)
	if err != nil {
		return err
	}
	defer done()
	if c.times() == 0 {
		return ErrNotJoined
	}
	if _, err := c.g.live.Scope(GroupScope).Leave(ctx, c.g.source, c.member); err != nil {
		return err
	}
	c.mu.Lock()
	c.joined--
	joined := c.joined
	c.mu.Unlock()
	if joined == 0 {
		c.unsubscribe()
	}
	return nil
}

// times is how often it has joined.
func (c *Consumer) times() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joined
}

// Receive waits for the next event or gap, also while the consumer is in no group. It
// fails with ErrClosed after Close, with eventnode.ErrSlowSubscriber after its policy has
// ended it (it has left the group then, and may join again), or with the cause of ctx's
// end.
func (c *Consumer) Receive(ctx context.Context) (Received, error) {
	for {
		sub, changed := c.now()
		switch {
		case c.ended.Err() != nil:
			return Received{}, fmt.Errorf("source: the consumer: %w", ErrClosed)
		case sub == nil:
			c.again = 0
			select {
			case <-changed:
			case <-c.ended.Done():
			case <-ctx.Done():
				return Received{}, context.Cause(ctx)
			}
			continue
		case c.again > 0 && c.times() > 1:
			c.again--
			return c.last, nil
		}
		got, ok, err := c.next(ctx, sub)
		if ok || err != nil {
			return got, err
		}
	}
}

// next takes what a subscription delivers. Not ok: nothing, look again.
func (c *Consumer) next(ctx context.Context, sub eventnode.Subscription) (got Received, ok bool, err error) {
	d, err := sub.Receive(ctx)
	switch {
	case err == nil:
		got, ok = c.take(d)
		return got, ok, nil
	case ctx.Err() != nil:
		return got, false, context.Cause(ctx)
	case errors.Is(err, ErrClosed):
		return got, false, c.lost(sub)
	}
	return got, false, errors.Join(err, c.drop(ctx))
}

// lost is for a subscription that is closed: by leave or Close, which is seen in the next
// round, or because its node or client has ended.
func (c *Consumer) lost(sub eventnode.Subscription) error {
	if now, _ := c.now(); now == sub && c.ended.Err() == nil {
		return fmt.Errorf("source: the node or client of the consumer: %w", ErrClosed)
	}
	return nil
}

// drop leaves the group altogether.
func (c *Consumer) drop(ctx context.Context) error {
	for {
		err := c.leave(ctx)
		if errors.Is(err, ErrNotJoined) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// take makes of a delivery what is received.
func (c *Consumer) take(d eventnode.Delivery) (got Received, ok bool) {
	c.again = 0
	if d.Gap != nil {
		return Received{Gap: d.Gap}, true
	}
	e, err := FromLive(d.Event)
	if err != nil || e.Origin.Source != c.g.source {
		c.foreign.Add(1)
		return got, false
	}
	c.last = Received{Event: e, Seen: c.tracker.See(e)}
	c.again = c.times() - 1
	return c.last, true
}

// All ranges over what Receive returns, until Close or the end of ctx. Another error is
// the last pair.
func (c *Consumer) All(ctx context.Context) iter.Seq2[Received, error] {
	return func(yield func(Received, error) bool) {
		for {
			got, err := c.Receive(ctx)
			if err != nil {
				if !errors.Is(err, ErrClosed) && ctx.Err() == nil {
					yield(Received{}, err)
				}
				return
			}
			if !yield(got, nil) {
				return
			}
		}
	}
}

// Events ranges over the events alone, for Handlers.Run; missed is told of gaps, in their
// place, by the goroutine that ranges. It may be nil.
func (c *Consumer) Events(ctx context.Context, missed func(eventnode.Gap)) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for got, err := range c.All(ctx) {
			if got.Gap != nil && err == nil {
				if missed != nil {
					missed(*got.Gap)
				}
				continue
			}
			if !yield(got.Event, err) {
				return
			}
		}
	}
}

// Close leaves the group, as often as it had joined, and ends the consumer.
func (c *Consumer) Close() error {
	c.end()
	c.turn <- struct{}{} // whoever has it sees the end
	defer func() { <-c.turn }()
	c.unsubscribe()
	c.mu.Lock()
	c.joined = 0
	c.mu.Unlock()
	return c.member.Close()
}
