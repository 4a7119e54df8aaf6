package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// How subscriptions are fed.
//
// All subscriptions of a client share one Subscribe stream, its feed. Whoever
// opens or closes one, or gives it credit, sends that himself. One goroutine
// (read) receives, and puts each frame into the queue of the subscription that
// it is for. It never waits for a reader: each subscription has a window at the
// node (frame_queue.go), so one that nobody reads holds up only itself.
//
// When the stream ends, read ends, after it has handed over all that gRPC had;
// then each subscription opens itself again (subscription.go) on the feed of the
// client's next connection.

// feeds makes a client's feeds, one at a time. Its lock is held while a stream is
// opened: on a connection that stands that sends nothing and waits for nobody,
// on a lost one it fails.
type feeds struct {
	c *Client

	mu  sync.Mutex
	now *feed
}

// on returns the feed of a connection.
func (fs *feeds) on(cn *conn) (*feed, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.now != nil && fs.now.conn == cn && !fs.now.isOver() {
		return fs.now, nil
	}
	f, err := fs.c.openFeed(cn)
	if err != nil {
		return nil, err
	}
	fs.now = f
	return f, nil
}

// feed is one stream of subscriptions, until it ends.
type feed struct {
	c      *Client
	conn   *conn
	stream grpc.ClientStream

	sending sync.Mutex // for SendMsg, which waits only for a node that does not read

	mu   sync.Mutex
	subs map[uint64]*subscription // by number; nil when the stream is over
	err  error                    // why it is over
	over chan struct{}
	// moving says that its node goes away: nothing is opened on it any more.
	moving bool
}

// openFeed opens the stream on cn.
func (c *Client) openFeed(cn *conn) (*feed, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	stream, err := cn.stream(ctx, &bothWays, eventnodev1.DispatchService_Subscribe_FullMethodName)
	if err != nil {
		cancel()
		return nil, err
	}
	f := &feed{c: c, conn: cn, stream: stream, subs: make(map[uint64]*subscription), over: make(chan struct{})}
	end := cn.begin()
	if err := c.start(func() { defer end(); defer cancel(); f.read() }); err != nil {
		cancel()
		end()
		return nil, err
	}
	return f, nil
}

func (f *feed) isOver() bool {
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

// send sends a request. That the stream is over is told by read.
func (f *feed) send(req *eventnodev1.SubscribeRequest) {
	f.sending.Lock()
	defer f.sending.Unlock()
	_ = f.stream.SendMsg(req)
}

// add puts a subscription on the stream: what comes under its number is its.
func (f *feed) add(s *subscription) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.subs == nil:
		return f.err
	case f.moving:
		return errLost
	}
	f.subs[s.number] = s
	return nil
}

// has reports whether a subscription is on the stream.
func (f *feed) has(s *subscription) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.subs[s.number] == s
}

// remove takes a subscription off the stream, and reports whether it was on it.
func (f *feed) remove(s *subscription) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, on := f.subs[s.number]
	delete(f.subs, s.number)
	if on && f.moving && len(f.subs) == 0 {
		_ = f.c.start(f.halfClose) // else the client is closed, and the stream with it
	}
	return on
}

// close ends a subscription at the node. What still comes of it is discarded.
func (f *feed) close(s *subscription) {
	if f.remove(s) {
		f.sendClose(s)
	}
}

func (f *feed) sendClose(s *subscription) {
	f.send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Close{
		Close: &eventnodev1.CloseSubscription{Subscription: s.number}}})
}

// give lets the node send more of a subscription.
func (f *feed) give(s *subscription, bytes int) {
	f.send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Credit{
		Credit: &eventnodev1.SubscriptionCredit{Subscription: s.number, Bytes: uint64(bytes)}}})
}

// read hands frames over until the stream ends, and then the subscriptions that
// are on it back to themselves.
func (f *feed) read() {
	var err error
	for err == nil {
		err = f.next()
	}
	f.mu.Lock()
	subs := f.subs
	f.subs, f.err = nil, err
	close(f.over)
	f.mu.Unlock()
	for _, s := range subs {
		s.lost(f, err)
	}
}

// next reads a message and sees to it.
func (f *feed) next() error {
	fr, head, err := readFrame(f.stream)
	if err != nil {
		return err
	}
	f.mu.Lock()
	s := f.subs[head.GetSubscription()]
	f.mu.Unlock()
	if s == nil { // closed here, not yet there
		fr.memory.Release()
		return nil
	}
	if opened := head.GetOpened(); opened != nil {
		if !s.understood(f, opened) {
			fr.memory.Release()
			return nil
		}
		s.stands(f, opened)
	}
	if !s.frames.push(f, fr) { // the next node sends the same for too long
		if f.remove(s) {
			_ = f.c.start(func() { f.sendClose(s) })
		}
		s.arrived(f)
		return nil
	}
	if closed := head.GetClosed(); closed != nil && f.remove(s) {
		s.lost(f, closedError(closed))
	}
	return nil
}

// readFrame reads the next message of the stream.
func readFrame(s grpc.ClientStream) (*frame, *eventnodev1.SubscribeResponse, error) {
	raw := wire.Frame{Counted: true}
	if err := s.RecvMsg(&raw); err != nil {
		return nil, nil, err
	}
	return parseFrame(raw.Received)
}

// closedError is why a node ended a subscription that nobody here closed.
func closedError(c *eventnodev1.SubscriptionClosed) error {
	err := apierr.FromReason(c.GetReason(), c.GetMessage(), c.GetDetails())
	if err == nil || errors.Is(err, eventnode.ErrClosed) {
		return fmt.Errorf("closed by the node: %w", errLost) // it is going away; the subscription is not
	}
	return err
}
