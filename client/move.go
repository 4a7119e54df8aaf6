package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// How a client goes from one node to the next.
//
// A node that goes away says so to each connection (HTTP/2's GOAWAY), and goes on to
// serve what is open on it. The client looks for another node at once, and begins nothing
// new on the connection. Publishers half-close their streams, read the answers to what
// they have sent, and go on at the next node; calls under way end. Each subscription is
// opened at the next node first, then, a moment later, closed at the one before, with
// drain: what was queued there comes still. It is received before the gap and what came from the next
// node, without what came from both (recent.go). Members and monitors go last, when the
// connection is closed.
//
// Where no other node is found, subscriptions are drained all the same: to stay would
// hold up the node, which may be the only one.
//
// A connection that was lost takes the same way: then all of it fails at once.

// moveTimeout bounds how long a connection whose node goes away is used. The node has a
// bound of its own.
const moveTimeout = 30 * time.Second

// overlapBytes bounds what comes from the node before when the next one has been asked
// for the same: the IDs of that are remembered.
const overlapBytes = 16 << 20

// overlapTime is how long a subscription stays open at the node before when it is open at
// the next one: what was dispatched before that, elsewhere, may be on its way still. More
// than that is late only where nodes are overloaded; a gap tells in any case.
const overlapTime = 200 * time.Millisecond

// leave closes a connection that is going when what is under way on it has ended.
func (c *Client) leave(ctx context.Context, cn *conn) {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	_, _ = c.await(ctx) // with another node or without
	c.feeds.moveAway(cn)
	cn.settle(ctx)
	close(cn.lost)
	_ = cn.cc.Close()
}

// begin says that something is under way on the connection, until end.
func (c *conn) begin() (end func()) {
	c.mu.Lock()
	c.users++
	c.mu.Unlock()
	return sync.OnceFunc(func() {
		c.mu.Lock()
		c.users--
		none := c.users == 0
		c.mu.Unlock()
		if none {
			token(c.idle)
		}
	})
}

// during calls f, which is under way on the connection.
func (c *conn) during(f func(*conn) error) error {
	defer c.begin()()
	return f(c)
}

// settle waits until nothing is under way, or ctx ends.
func (c *conn) settle(ctx context.Context) {
	for {
		c.mu.Lock()
		n := c.users
		c.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-c.idle:
		case <-ctx.Done():
			return
		}
	}
}

// moveAway has the subscriptions on a connection go to the next one.
func (fs *feeds) moveAway(cn *conn) {
	fs.mu.Lock()
	f := fs.now
	fs.mu.Unlock()
	if f == nil || f.conn != cn {
		return
	}
	f.mu.Lock()
	f.moving = true
	subs := slices.Collect(maps.Values(f.subs))
	f.mu.Unlock()
	if len(subs) == 0 {
		f.halfClose()
	}
	for _, s := range subs {
		if s.c.start(func() { s.move(f) }) != nil {
			return
		}
	}
}

// halfClose says that nothing more will be opened: the stream ends with the last
// subscription.
func (f *feed) halfClose() {
	f.sending.Lock()
	defer f.sending.Unlock()
	_ = f.stream.CloseSend()
}

// sendDrain closes a subscription at the node when what is queued was sent.
func (f *feed) sendDrain(s *subscription) {
	f.send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Close{
		Close: &eventnodev1.CloseSubscription{Subscription: s.number, Drain: true}}})
}

// move opens the subscription at the next node, and then closes it on f.
func (s *subscription) move(f *feed) {
	if !s.part(f) {
		return
	}
	if _, err := s.c.await(s.ctx); err != nil {
		f.sendDrain(s)
	}
	s.reopen(f.conn, fmt.Errorf("%s goes away: %w", f.conn.addr, errLost))
	overlap := time.NewTimer(overlapTime)
	defer overlap.Stop()
	select {
	case <-overlap.C:
	case <-f.over:
	case <-s.ctx.Done():
	}
	f.sendDrain(s)
}

// part says that the subscription is on its way from f to another feed; false if it is
// not on f any more, or does not stand there yet, and is opened elsewhere by who opens it.
func (s *subscription) part(f *feed) bool {
	s.mu.Lock()
	here, opening := s.feed == f && f.has(s), s.answer != nil
	before := s.before
	if here && !opening {
		s.before = f
		s.frames.part()
	}
	s.mu.Unlock()
	switch {
	case !here:
		return false
	case opening:
		f.close(s)
		s.lost(f, errLost)
		return false
	case before != nil: // two nodes go at once: what the first one still has is given up
		before.close(s)
	}
	return true
}

// arrived says that nothing comes any more from the feed before: true if f is it.
func (s *subscription) arrived(f *feed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != f {
		return false
	}
	s.before = nil
	if s.feed == f {
		s.standing.Store(0)
	}
	s.frames.join()
	return true
}
