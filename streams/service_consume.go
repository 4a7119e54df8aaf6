package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/consuming"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// A consumer is a call at the node that leads; others pass it on. Four goroutines work
// on it:
//
//	reader    takes requests: adds credit, and submits what is settled, in the order sent
//	answerer  waits for what was submitted, in the same order
//	fetcher   has events handed to the consumer as long as it has credit, and reads them
//	writer    the goroutine of the call: sends what the others have made
//
// Between them nothing gathers: the fetcher makes what the writer takes, a piece at a
// time; requests to settle that are under way are MaxRequests at most. So a client that
// does not read costs two pieces, holds nothing of the state, and holds nobody up: what
// it was handed is delivered to others when its ack wait is over.
//
// How the call ends says what becomes of the lease. Half-closed: it ends, and what is in
// hand stays where it is. Closed: it ends, and others have what is in hand. Otherwise the
// holder may come back, and the desk keeps the lease for a while.

// consumeAddress is the number of ConsumeResponse.leader_address.
const consumeAddress = 6

// errClosed and io.EOF end a consumer well.
var errClosed = errors.New("closed by its consumer")

// consumer is one call.
type consumer struct {
	s      *Service
	p      partition
	stream grpc.BidiStreamingServer[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse]
	*opening
	lease   *consuming.Lease
	over    <-chan struct{} // this node leads no more
	waiter  *consuming.Waiter
	credit  credit
	answers chan answer   // MaxRequests; the reader waits when it is full
	out     chan outbound // unbuffered
	settled atomic.Uint64 // the last request to settle that was submitted
	turn    int           // the fetcher's: which stream is the first
}

// outbound is a message for the writer, or why there is none any more.
type outbound struct {
	msg any
	end error
}

// Consume is a consumer.
func (s *Service) Consume(stream grpc.BidiStreamingServer[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse]) error {
	local, to, err := s.route(stream.Context(), eventnodev1.ConsumerService_Consume_FullMethodName, &bothWays)
	if err != nil {
		return s.status(err)
	}
	if local == nil {
		return s.status(s.pipe(stream, to, reads, consumeAddress))
	}
	return s.status(well(s.consume(stream, local)))
}

// consume serves a consumer here.
func (s *Service) consume(stream grpc.BidiStreamingServer[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse], p partition) error {
	over, leads := s.cfg.Desk.Reign(p)
	if !leads {
		return &replica.NotLeaderError{}
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if first.GetOpen() == nil {
		return fmt.Errorf("the first request must be open: %w", eventnode.ErrInvalidArgument)
	}
	if err := permitted(stream.Context(), first.GetOpen()); err != nil {
		return err
	}
	o, err := open(stream.Context(), p, first.GetOpen())
	if err != nil {
		return err
	}
	c := &consumer{s: s, p: p, stream: stream, opening: o, over: over, waiter: consuming.NewWaiter(o.group, o.ids),
		answers: make(chan answer, s.cfg.MaxRequests), out: make(chan outbound)}
	c.credit.init(o.countBytes)
	c.credit.add(first.GetOpen().GetCredit())
	if err := c.take(stream.Context()); err != nil {
		return err
	}
	return c.leave(c.run())
}

// run is the consumer's life with a lease; the error says how it ended.
func (c *consumer) run() error {
	ctx, cancel := context.WithCancelCause(c.stream.Context())
	var parts sync.WaitGroup
	parts.Go(func() { c.end(ctx, c.fetchAll(ctx)) })
	parts.Go(func() { c.end(ctx, c.answerAll(ctx)) })
	// gRPC ends its Recv when the call has returned, so nobody can wait for it here; it
	// gives up when ctx has ended.
	go c.read(ctx, cancel)
	err := c.write(ctx)
	cancel(err)
	parts.Wait()
	return err
}

// leave gives up the lease, or keeps it for who comes back.
func (c *consumer) leave(why error) error {
	desk := c.s.cfg.Desk
	desk.Leave(c.waiter)
	desk.PassOn(c.waiter) // it may have been woken for what it does not take any more
	closed := errors.Is(why, errClosed)
	if !closed && !errors.Is(why, io.EOF) {
		desk.Depart(c.lease)
		return why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.stream.Context()), askTimeout)
	defer cancel()
	if _, err := propose(ctx, c.p, c.lease.End(closed)); err != nil {
		desk.Depart(c.lease)
		return err
	}
	return nil
}

// end tells the writer why a part has ended.
func (c *consumer) end(ctx context.Context, err error) {
	_ = c.push(ctx, outbound{end: err}) // or the writer has ended
}

// push hands something to the writer.
func (c *consumer) push(ctx context.Context, m outbound) error {
	select {
	case c.out <- m:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// write sends what there is until the consumer ends, and says why.
func (c *consumer) write(ctx context.Context) error {
	opened := &eventnodev1.ConsumeResponse{Opened: &eventnodev1.ConsumerOpened{
		Consumer: c.number, Epoch: c.lease.Epoch, LeaseTtl: durationpb.New(c.s.cfg.Desk.LeaseTTL()),
	}}
	if err := c.stream.Send(opened); err != nil {
		return err
	}
	for {
		select {
		case m := <-c.out:
			if m.end == nil {
				m.end = c.stream.SendMsg(m.msg)
			}
			if isMoved(m.end) {
				return c.moved(ctx)
			}
			if m.end != nil {
				return m.end
			}
		case <-c.lease.Fenced:
			return c.fenced()
		case <-c.over:
			return c.moved(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// isMoved reports whether an error means that this node leads no more.
func isMoved(err error) bool {
	return errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown)
}

// moved says where to go on, as soon as that is known.
func (c *consumer) moved(ctx context.Context) error {
	c.s.successor(ctx)
	m := &eventnodev1.ConsumeResponse{Moved: &eventnodev1.ConsumerMoved{LeaderAddress: c.s.leaderAddress()}}
	if err := c.stream.Send(m); err != nil {
		return err
	}
	return errMoved
}

func (c *consumer) fenced() error {
	return &eventnode.StreamError{Stream: c.names[0].String(), Err: eventnode.ErrFenced,
		Reason: fmt.Sprintf("the lease of consumer %d of group %q is over: what it has in hand is delivered again", c.number, c.group)}
}

// read takes requests until there are no more.
func (c *consumer) read(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		req, err := c.stream.Recv()
		if err != nil && !errors.Is(err, io.EOF) {
			cancel(err)
			return
		}
		if err != nil || req.GetClose() != nil || req.GetSettle().GetLast() {
			c.credit.stop() // before anything is given back
		}
		a := answer{end: err}
		switch r := req.GetRequest().(type) {
		case *eventnodev1.ConsumeRequest_Credit:
			c.credit.add(r.Credit)
			continue
		case *eventnodev1.ConsumeRequest_Settle:
			a = c.submit(ctx, r.Settle)
		case *eventnodev1.ConsumeRequest_Close:
			a.end = errClosed
		default:
			if err == nil {
				a.end = fmt.Errorf("after open come credit, settle and close: %w", eventnode.ErrInvalidArgument)
			}
		}
		select {
		case c.answers <- a:
		case <-ctx.Done():
			return
		}
		if a.end != nil {
			return
		}
	}
}
