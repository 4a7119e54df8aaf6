package client

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// How a subscription works.
//
// It is a number on the client's feed (feed.go) and a queue of frames, and has no
// goroutine as long as all is well: Receive takes a frame, decodes one event a
// call, and gives the node credit for what it has taken. The queue with its
// policy is at the node.
//
// When its feed ends, or the node closes it because it goes away, a goroutine
// (reopen) opens it again, at whatever node the client is connected to then, with
// back-off. When the node says before that it goes away (move.go), the old feed is
// used until it has nothing left. What came before is still delivered; then a gap, reconnected, of
// unknown size; then what comes from there, without what came before (recent.go).
// Gaps that a node tells of pass through at their place.

// subscription is interest in topics that outlives connections.
type subscription struct {
	c      *Client
	number uint64 // on every feed; no other subscription of the client has it
	topics []string
	opts   eventnode.SubscribeOptions

	nodes   int
	missing []eventnode.NodeID

	// ctx ends with Close, with Subscribe's context and with the client; its
	// cause is the reason.
	ctx  context.Context
	stop context.CancelCauseFunc

	// frames come from the feed; now is the one that Receive is at.
	frames  *frameQueue
	now     *frame
	decoder wire.Decoder // Receive's
	recent  recent       // Receive's

	mu     sync.Mutex
	feed   *feed      // the one it was opened on last
	before *feed      // whose node goes away, and still sends what it has; nil: none
	answer chan error // whoever opens it waits for this; nil if nobody does
	stood  bool       // it has been open before

	// standing is how often it was opened, and 0 while it is not open.
	standing atomic.Uint64
	opened   uint64 // how often it was; the feed's
}

var _ eventnode.Subscription = (*subscription)(nil)

// Subscribe opens a subscription, and opens it again when its node was lost; a
// gap with the reason reconnected then stands where events may be missing. It
// ends with ctx, with Close, or when a node refuses it for good.
//
// While the client looks for a node it waits, at most for the dial timeout;
// then it is ErrUnavailable.
//
// With [eventnode.WithCatchUp] what a gap tells of is read from a stream instead.
func (c *Client) Subscribe(ctx context.Context, topics []string, opts ...eventnode.SubscribeOption) (eventnode.Subscription, error) {
	o := eventnode.NewSubscribeOptions(opts...)
	if err := o.CheckQueueGroup(); err != nil {
		return nil, err
	}
	var s eventnode.Subscription
	var err error
	if o.CatchUp != "" {
		s, err = c.subscribeCatchingUp(ctx, topics, o)
	} else {
		s, err = c.subscribe(ctx, topics, o)
	}
	if err != nil {
		return nil, err
	}
	return c.opts.tracer.Subscription(s), nil
}

// subscribe opens a subscription that tells its gaps.
func (c *Client) subscribe(ctx context.Context, topics []string, o eventnode.SubscribeOptions) (*subscription, error) {
	for _, topic := range topics {
		if reason := malformed(topic); reason != "" {
			return nil, &eventnode.TopicError{Topic: topic, Reason: reason}
		}
	}
	s := &subscription{
		c:      c,
		number: c.lastSub.Add(1),
		topics: slices.Clone(topics),
		opts:   o,
		frames: newFrameQueue(),
	}
	if s.opts.Holder == "" {
		s.opts.Holder = c.opts.name
	}
	s.ctx, s.stop = c.life(ctx)
	if err := c.repeat(s.ctx, s.openAt); err != nil {
		s.stop(err)
		return nil, err
	}
	context.AfterFunc(s.ctx, s.detach)
	return s, nil
}

// openRequest is what asks a node for the subscription.
func (s *subscription) openRequest(window uint64) *eventnodev1.SubscribeRequest {
	return &eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Open{Open: &eventnodev1.OpenSubscription{
		Subscription: s.number,
		Topics:       s.topics,
		Policy:       convert.PolicyToProto(s.opts.Policy),
		QueueEvents:  uint32(s.opts.QueueEvents),
		QueueBytes:   uint64(s.opts.QueueBytes),
		MaxBlock:     durationpb.New(s.opts.MaxBlock),
		Holder:       s.opts.Holder,
		Window:       &window,
		Filter:       convert.FilterToProto(s.opts.Filter),
		QueueGroup:   s.opts.QueueGroup,
	}}}
}

// openAt opens the subscription on the feed of a connection and waits for the
// answer.
func (s *subscription) openAt(cn *conn) error {
	f, err := s.c.feeds.on(cn)
	if err != nil {
		return err
	}
	answer := make(chan error, 1)
	s.mu.Lock()
	s.feed, s.answer = f, answer
	s.mu.Unlock()
	if err := f.add(s); err != nil {
		return err
	}
	f.send(s.openRequest(s.frames.begin(f)))
	select {
	case err = <-answer:
	case <-s.ctx.Done():
	}
	if s.ctx.Err() != nil {
		f.remove(s) // if it was, its end may have been sent before its opening
		f.sendClose(s)
		return context.Cause(s.ctx)
	}
	return err
}

// answered returns who waits for an answer, once.
func (s *subscription) answered() (answer chan error, stood bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, stood = s.answer, s.stood
	s.answer = nil
	return answer, stood
}

// stands says that a node has opened the subscription. The feed calls it.
func (s *subscription) stands(f *feed, o *eventnodev1.SubscriptionOpened) {
	answer, again := s.answered()
	if answer == nil {
		return // it is for the node to open a subscription once only
	}
	if again {
		s.frames.push(f, &frame{gaps: []eventnode.Gap{{Reason: eventnode.GapReconnected}}})
	} else {
		s.nodes, s.missing = int(o.GetNodes()), convert.NodeIDsFromProto(o.GetMissing())
	}
	s.mu.Lock()
	s.stood = true
	s.mu.Unlock()
	s.opened++
	s.standing.Store(s.opened)
	answer <- nil
}

// errNoQueueGroups is why a subscription does not stand at a node that has opened it.
var errNoQueueGroups = status.Error(codes.Unimplemented, "the node does not know queue groups and would send every event: upgrade it")

// understood reports whether the node has opened what was asked for. If it has not, as one of an
// older version, the subscription ends there and here.
func (s *subscription) understood(f *feed, o *eventnodev1.SubscriptionOpened) bool {
	if o.GetQueueGroup() == s.opts.QueueGroup {
		return true
	}
	if f.remove(s) {
		_ = s.c.start(func() { f.sendClose(s) }) // not here: who reads must not wait. A client that has ended closes all
		s.lost(f, errNoQueueGroups)
	}
	return false
}

// lost says that the subscription does not stand any more, or was refused. The
// feed calls it, last of all.
func (s *subscription) lost(f *feed, err error) {
	if s.arrived(f) {
		if permanent(err) {
			s.frames.end(err)
		}
		return
	}
	s.standing.Store(0)
	if answer, _ := s.answered(); answer != nil {
		answer <- err
		return
	}
	if err := s.c.start(func() { s.reopen(f.conn, f.conn.failure(s.ctx, err)) }); err != nil {
		s.frames.end(err)
	}
}

// reopen opens the subscription again, as often as it takes.
func (s *subscription) reopen(cn *conn, err error) {
	if err := s.c.again(s.ctx, cn, err, s.openAt); err != nil {
		s.frames.end(err)
	}
}

// Receive implements eventnode.Subscription.
func (s *subscription) Receive(ctx context.Context) (d eventnode.Delivery, err error) {
	for {
		if s.ctx.Err() != nil {
			s.now = nil
			return eventnode.Delivery{}, context.Cause(s.ctx)
		}
		if s.now != nil && s.now.next(&d, &s.decoder) {
			if s.recent.repeats(&d, s.now) {
				continue
			}
			return d, nil
		}
		if ended := s.take(); ended || s.now != nil {
			continue
		}
		select {
		case <-s.frames.ready:
		case <-s.ctx.Done():
		case <-ctx.Done():
			return eventnode.Delivery{}, ctx.Err()
		}
	}
}

// All implements eventnode.Subscription.
func (s *subscription) All(ctx context.Context) iter.Seq2[eventnode.Delivery, error] {
	return all(ctx, s.ctx, s.Receive)
}

// Nodes implements eventnode.Subscription.
func (s *subscription) Nodes() int { return s.nodes }

// Missing implements eventnode.Subscription.
func (s *subscription) Missing() []eventnode.NodeID { return s.missing }

// take takes the next frame, if there is one, and reports whether there will be
// none any more.
func (s *subscription) take() bool {
	f, c, ended, err := s.frames.take()
	if s.now = f; c.feed != nil {
		c.feed.give(s, c.bytes)
	}
	if ended {
		s.stop(err)
	}
	return ended
}

// detach ends the subscription at the node.
func (s *subscription) detach() {
	s.mu.Lock()
	f, before := s.feed, s.before
	s.mu.Unlock()
	if before != nil {
		before.close(s)
	}
	f.close(s)
}

// Close implements eventnode.Subscription.
func (s *subscription) Close() error {
	s.stop(fmt.Errorf("subscription: %w", eventnode.ErrClosed))
	s.detach()
	return nil
}
