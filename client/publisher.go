package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// How a publisher works.
//
// Dispatch checks the event, encodes it into the outbox (outbox.go) and returns
// unless its caller waits for an answer. One goroutine (run) owns the stream to
// the node: it takes what has gathered in the outbox, one segment a frame, and
// sends it. So an event alone goes out alone at once, and while the stream is
// busy frames grow by themselves; there is no timer.
//
// Each event has a sequence number here, for ever, and so a number in the
// stream (the sequence less that of the last event before the stream began).
// The node answers how far it has come, what it refused and, later, receipts.
//
// When the stream breaks, what was handed over to gRPC and not answered has an
// unknown outcome. It is never sent again: callers who wait are told
// ErrOutcomeUnknown, the others are counted for the next Flush. What was not
// handed over yet surely was not dispatched: it goes on the next stream, in its
// order, or is refused with ErrUnavailable when no node can be found. To the
// cluster that stream is another publisher, perhaps on another node, and the
// order between the two is not promised.

// publisher is one order of events.
type publisher struct {
	c   *Client
	out *outbox
	// stop ends run; ended is closed when it has.
	stop  context.CancelCauseFunc
	ended chan struct{}
}

var _ eventnode.PublisherCloser = (*publisher)(nil)

// startPublisher makes a publisher and starts its goroutine.
func (c *Client) startPublisher() (*publisher, error) {
	ctx, stop := context.WithCancelCause(c.ctx)
	p := &publisher{c: c, out: newOutbox(c.opts.windowBytes), stop: stop, ended: make(chan struct{})}
	err := c.start(func() {
		defer close(p.ended)
		p.run(ctx)
	})
	if err != nil {
		stop(err)
		return nil, err
	}
	return p, nil
}

// Dispatch implements eventnode.Publisher.
func (p *publisher) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	topics := [1]string{topic}
	return p.dispatch(ctx, topics[:], &ev, eventnode.NewDispatchOptions(opts...), false)
}

// DispatchMany implements eventnode.Publisher.
func (p *publisher) DispatchMany(ctx context.Context, topics []string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	return p.dispatch(ctx, topics, &ev, eventnode.NewDispatchOptions(opts...), false)
}

// dispatch takes an event over. With answer, or if a receipt is asked for, it
// waits for the node's answer.
func (p *publisher) dispatch(ctx context.Context, topics []string, ev *event.Event, o eventnode.DispatchOptions, answer bool) (eventnode.Receipt, error) {
	if err := ev.Validate(); err != nil {
		return eventnode.Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return eventnode.Receipt{}, err
	}
	if _, err := p.c.await(ctx); err != nil {
		return eventnode.Receipt{}, err
	}
	var w *waiter
	if answer || o.Receipt {
		w = &waiter{receipt: o.Receipt, done: make(chan struct{})}
	}
	if err := p.add(ctx, topics, ev, o, w); err != nil || w == nil {
		return eventnode.Receipt{}, err
	}
	select {
	case <-w.done:
		return w.got, w.err
	case <-ctx.Done():
		p.out.abandon(w)
		return eventnode.Receipt{}, fmt.Errorf("no answer yet, %w: %w", eventnode.ErrOutcomeUnknown, ctx.Err())
	}
}

// add puts an event into the outbox, as soon as there is room.
func (p *publisher) add(ctx context.Context, topics []string, ev *event.Event, o eventnode.DispatchOptions, w *waiter) error {
	for {
		room, err := p.out.add(topics, ev, o, w)
		if err != nil || room == nil {
			return err
		}
		if err := p.wait(ctx, room); err != nil {
			return err
		}
	}
}

// wait waits until there may be room; it fails if the client is down.
func (p *publisher) wait(ctx context.Context, changed <-chan struct{}) error {
	st := p.c.state.Load()
	if st.err != nil {
		return st.err
	}
	select {
	case <-changed:
	case <-st.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Flush implements eventnode.Publisher. What could not be sent because no node
// could be found is among the refusals, as ErrUnavailable: it was not
// dispatched.
func (p *publisher) Flush(ctx context.Context) error {
	target := p.out.last()
	for {
		changed, err := p.out.reached(target)
		if err != nil || changed == nil {
			return errors.Join(p.out.report(), err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(p.out.report(), ctx.Err())
		}
	}
}

// Close implements eventnode.PublisherCloser. It ends the publisher also if
// flushing failed; the error then says what became of the events.
func (p *publisher) Close(ctx context.Context) error {
	err := p.Flush(ctx)
	p.stop(eventnode.ErrClosed)
	<-p.ended
	if errors.Is(err, eventnode.ErrClosed) {
		return nil
	}
	if left := p.out.report(); left != nil {
		return errors.Join(err, left)
	}
	return err
}

// publisherOnce makes a publisher when it is first needed.
type publisherOnce struct {
	mu sync.Mutex
	p  *publisher
}

func (o *publisherOnce) publisher(c *Client) (*publisher, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.p == nil {
		p, err := c.startPublisher()
		if err != nil {
			return nil, err
		}
		o.p = p
	}
	return o.p, nil
}
