package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/permit"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// A client's stream of subscriptions. The reader opens and closes them. The
// writer, on the goroutine of the call, takes turns: of the subscriptions that
// have something it serves the one that has waited longest, one frame, then
// the next. gRPC's flow control holds the writer up, and then each queue fills
// up by itself and follows its own policy. A subscription with a window
// (service_window.go) that the client does not read loses its turns only.
//
// The waiting for other nodes to know of an interest is done by one goroutine
// for all subscriptions opened meanwhile, which lives only as long as there are
// some: opening 1,000 takes one second at most, not 1,000.
//
// A client that will open nothing more may half-close: the stream then ends
// with its last subscription.

// frameBytes bounds the envelopes in one frame to a subscriber: enough to make
// the cost of a frame small, and few enough that the others' turns come soon. With
// its head it fits into a block of memory of 256 KiB.
const frameBytes = 255 << 10

// errNumber refuses a request whose answer would have no address.
var errNumber = fmt.Errorf("a subscription's number is 0 or in use on this stream: %w", eventnode.ErrInvalidArgument)

// errRequest refuses what this version does not know.
var errRequest = fmt.Errorf("unknown kind of SubscribeRequest: %w", eventnode.ErrInvalidArgument)

// subscribeStream is one stream.
type subscribeStream struct {
	d      *Dispatcher
	stream grpc.BidiStreamingServer[eventnodev1.SubscribeRequest, eventnodev1.SubscribeResponse]
	batch  Batch         // the writer's, used again
	names  *permit.Names // the reader's: which topics the caller may have

	mu      sync.Mutex
	subs    map[uint64]*streamSub
	ready   []*streamSub // in turn; each once at most
	opening []*streamSub // wait for the other nodes
	waiting bool         // somebody sees to opening
	readErr error        // the reader has ended; io.EOF: half-closed

	refused int // refusals that were not sent yet

	more    chan struct{}  // capacity 1: the writer should look again
	room    chan struct{}  // capacity 1: the reader should
	openers sync.WaitGroup // those who see to opening
}

// streamSub is one subscription of a stream.
type streamSub struct {
	number uint64
	sub    *Subscription // nil if it was refused

	// Guarded by the stream's mu.
	queued  bool                            // in ready
	opened  *eventnodev1.SubscriptionOpened // to be sent
	refused error                           // why sub is nil
	closing bool                            // the client asked for it
	drains  bool                            // so it did, once what is queued is sent
	ended   bool                            // nothing may be sent any more
	window  window
}

// Subscribe carries the subscriptions of one client.
func (s *Service) Subscribe(stream grpc.BidiStreamingServer[eventnodev1.SubscribeRequest, eventnodev1.SubscribeResponse]) error {
	ss := &subscribeStream{d: s.d, stream: stream, names: permit.NewNames(stream.Context(), access.Subscribe), subs: make(map[uint64]*streamSub), more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	var reader sync.WaitGroup
	reader.Go(ss.read)
	err := ss.write(stream.Context())
	if errors.Is(err, eventnode.ErrClosed) {
		return streamError(err) // gRPC ends the reader's Recv when this has returned
	}
	reader.Wait()
	ss.openers.Wait()
	ss.closeAll()
	return streamError(err)
}

// read takes requests until the stream ends.
func (ss *subscribeStream) read() {
	for {
		req, err := ss.stream.Recv()
		if err == nil {
			err = ss.request(ss.stream.Context(), req)
		}
		if err != nil {
			ss.mu.Lock()
			ss.readErr = err
			ss.mu.Unlock()
			signal(ss.more)
			return
		}
	}
}

// request does what one request says.
func (ss *subscribeStream) request(ctx context.Context, req *eventnodev1.SubscribeRequest) error {
	switch r := req.GetRequest().(type) {
	case *eventnodev1.SubscribeRequest_Open:
		return ss.open(ctx, r.Open)
	case *eventnodev1.SubscribeRequest_Close:
		if r.Close.GetDrain() {
			ss.drain(r.Close.GetSubscription())
		} else {
			ss.close(r.Close.GetSubscription())
		}
		return nil
	case *eventnodev1.SubscribeRequest_Credit:
		ss.credit(r.Credit.GetSubscription(), r.Credit.GetBytes())
		return nil
	}
	return errRequest
}

// open opens a subscription, or has its refusal told.
func (ss *subscribeStream) open(ctx context.Context, open *eventnodev1.OpenSubscription) error {
	sub := &streamSub{number: open.GetSubscription(), window: newWindow(open)}
	ss.mu.Lock()
	_, used := ss.subs[sub.number]
	if !used {
		ss.subs[sub.number] = sub
	}
	ss.mu.Unlock()
	if used || sub.number == 0 {
		return errNumber
	}
	opts, err := ss.d.openOptions(open)
	if err == nil {
		err = allPermitted(ss.names, open.GetTopics())
	}
	if err == nil {
		sub.sub, err = ss.d.attach(ctx, open.GetTopics(), func() { ss.wake(sub) }, opts...)
	}
	if err != nil {
		return ss.refuse(ctx, sub, err)
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.opening = append(ss.opening, sub)
	if !ss.waiting {
		ss.waiting = true
		ss.openers.Go(func() { ss.settle(ctx) })
	}
	return nil
}

// refuse has a refusal told. It waits if the client does not read those that
// there are: there must not be any number of them.
func (ss *subscribeStream) refuse(ctx context.Context, sub *streamSub, why error) error {
	ss.mu.Lock()
	sub.refused = why
	ss.refused++
	ss.mu.Unlock()
	ss.wake(sub)
	for {
		ss.mu.Lock()
		n := ss.refused
		ss.mu.Unlock()
		if n <= maxUnsent {
			return ctx.Err()
		}
		select {
		case <-ss.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle waits until the other nodes know of what is opening, and again for
// what was opened meanwhile.
func (ss *subscribeStream) settle(ctx context.Context) {
	for {
		ss.mu.Lock()
		batch := ss.opening
		ss.opening = nil
		ss.waiting = len(batch) > 0
		ss.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		nodes, missing := ss.d.cfg.Interest.Wait(ctx)
		for _, sub := range batch {
			ss.mu.Lock()
			sub.opened = &eventnodev1.SubscriptionOpened{Nodes: uint32(nodes), Missing: convert.NodeIDsToProto(missing), QueueGroup: sub.sub.group}
			ss.mu.Unlock()
			ss.wake(sub)
		}
	}
}

// close closes a subscription. One that is not there has ended already.
func (ss *subscribeStream) close(number uint64) {
	ss.mu.Lock()
	sub := ss.subs[number]
	if sub != nil {
		sub.closing = true
	}
	ss.mu.Unlock()
	if sub != nil && sub.sub != nil {
		sub.sub.shut(eventnode.ErrClosed)
		ss.wake(sub)
	}
}

// isClosing reports whether the client asked for the end of sub.
func (ss *subscribeStream) isClosing(sub *streamSub) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return sub.closing
}

// closeAll ends what the stream leaves behind.
func (ss *subscribeStream) closeAll() {
	ss.mu.Lock()
	subs := ss.subs
	ss.subs = nil
	ss.mu.Unlock()
	for _, sub := range subs {
		if sub.sub != nil {
			sub.sub.shut(eventnode.ErrClosed)
		}
	}
}

// wake puts a subscription in turn.
func (ss *subscribeStream) wake(sub *streamSub) {
	ss.mu.Lock()
	fresh := !sub.queued && !sub.ended
	if fresh {
		sub.queued = true
		ss.ready = append(ss.ready, sub)
	}
	ss.mu.Unlock()
	if fresh {
		signal(ss.more)
	}
}

// turn is whose turn it is, and what is to be sent besides events.
type turn struct {
	sub    *streamSub
	opened *eventnodev1.SubscriptionOpened
	closed error // it was refused, or closed by the client
	window int64 // bytes that it may send
}

// next returns whose turn it is; without one the error says whether there can
// be another.
func (ss *subscribeStream) next() (turn, error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.readErr != nil && (!errors.Is(ss.readErr, io.EOF) || len(ss.subs) == 0) {
		return turn{}, ss.readErr
	}
	sub := ss.pop()
	if sub == nil {
		return turn{}, nil
	}
	t := turn{sub: sub, opened: sub.opened, closed: sub.refused, window: sub.window.left()}
	sub.opened = nil
	if sub.closing {
		t.closed = eventnode.ErrClosed
	}
	return t, nil
}

// pop takes the first one in turn that has not ended. One that is woken while
// its end is being sent is in turn again.
func (ss *subscribeStream) pop() *streamSub {
	for len(ss.ready) > 0 {
		sub := ss.ready[0]
		ss.ready[0] = nil
		ss.ready = ss.ready[1:]
		sub.queued = false
		if !sub.ended {
			return sub
		}
	}
	ss.ready = nil
	return nil
}

// write sends until the stream ends.
func (ss *subscribeStream) write(ctx context.Context) error {
	moving := ss.d.moving
	for {
		if isClosed(moving) {
			moving = nil
			if err := ss.stream.Send(&eventnodev1.SubscribeResponse{Moving: true}); err != nil {
				return err
			}
		}
		t, err := ss.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case t.sub != nil:
			if err := ss.serve(t); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ss.more:
		case <-moving:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// serve gives one subscription its turn: one frame.
func (ss *subscribeStream) serve(t turn) error {
	switch {
	case t.closed != nil:
		return ss.finish(t.sub, t.closed)
	case t.opened != nil:
		ss.wake(t.sub)
		return ss.stream.Send(&eventnodev1.SubscribeResponse{Subscription: t.sub.number, Opened: t.opened})
	}
	b := &ss.batch
	ok, err := t.sub.sub.queue.take(b, maxBatchRuns, int(min(frameBytes, t.window)))
	switch {
	case errors.Is(err, eventnode.ErrClosed) && !ss.isClosing(t.sub):
		return err // not by the client: the node goes away, or the stream is over
	case err != nil:
		return ss.finish(t.sub, err)
	case !ok && ss.isDrained(t.sub):
		return ss.finish(t.sub, eventnode.ErrClosed)
	case !ok:
		return nil
	}
	ss.spend(t.sub, b)
	ss.wake(t.sub) // what comes meanwhile waits for the next turn
	return ss.sendBatch(t.sub.number, b)
}

// finish says that a subscription has ended.
func (ss *subscribeStream) finish(sub *streamSub, why error) error {
	if sub.sub != nil {
		sub.sub.shut(eventnode.ErrClosed)
	}
	ss.mu.Lock()
	delete(ss.subs, sub.number)
	sub.ended = true
	ss.mu.Unlock()
	err := ss.stream.Send(&eventnodev1.SubscribeResponse{
		Subscription: sub.number,
		Closed:       &eventnodev1.SubscriptionClosed{Reason: apierr.Reason(why), Message: why.Error(), Details: apierr.Details(why)},
	})
	if sub.refused != nil {
		ss.mu.Lock()
		ss.refused--
		ss.mu.Unlock()
		signal(ss.room)
	}
	return err
}
