package eventnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/inbox"
)

// asking is one request under way. Its place among MaxWaiting is free again when both its
// caller and the goroutine that dispatches it have done with it.
type asking struct {
	r     *Requester
	topic string
	want  int
	call  *inbox.Call // guarded by r.mu, but for its Wake
	gaps  uint64      // of the requester, when this began
	// stop ends the dispatch.
	stop func()

	parts   int // who holds the place; guarded by r.mu
	reached int // subscriptions that took it; guarded by r.mu
}

// ask begins a request: want is how many replies there are to be, 0 for any number.
func (r *Requester) ask(ctx context.Context, topic string, ev event.Event, want int) (*asking, error) {
	in, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	req := inbox.Request{ReplyTo: in.topic, ID: inbox.NewID()}
	a := &asking{r: r, topic: topic, want: want, parts: 2}
	// What the request has reached already must not depend on when its caller goes.
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(r.life, cancel)
	a.stop = func() { unhook(); cancel() }
	if err := r.enter(a, in, req.ID, func() { a.dispatch(sending, req.Mark(ev)) }); err != nil {
		a.stop()
		return nil, err
	}
	return a, nil
}

// enter takes a place, waits for replies and starts the dispatch.
func (r *Requester) enter(a *asking, in *inboxOf, id string, dispatch func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case in.err != nil:
		return in.err
	case r.running >= r.cfg.MaxWaiting:
		return &LimitError{Limit: "max_waiting_requests", Max: r.cfg.MaxWaiting}
	}
	r.running++
	a.call, a.gaps = r.desk.Open(id, a.want), r.gaps
	r.wg.Go(dispatch)
	return nil
}

// dispatch sends the request and judges its receipt.
func (a *asking) dispatch(ctx context.Context, ev event.Event) {
	defer a.stop()
	receipt, err := a.r.live.Dispatch(ctx, a.topic, ev, WithReceipt(0))
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	a.reached = receipt.Reached
	if err == nil {
		err = a.judge(receipt)
	}
	if err != nil {
		a.call.Fail(err)
	}
	a.leave()
}

// judge returns an error if the receipt says that nobody has the request. A node that did not
// answer may have it; one that it was not sent to has not.
func (a *asking) judge(receipt Receipt) error {
	if receipt.Reached > 0 {
		return nil
	}
	err := fmt.Errorf("topic %s: %w", a.topic, ErrNoResponders)
	for _, n := range receipt.Nodes {
		switch {
		case n.Err == nil:
		case errors.Is(n.Err, ErrUnavailable):
			err = fmt.Errorf("%w, and %s cannot be reached", err, n.Node)
		default:
			return nil
		}
	}
	return err
}

// leave gives up a part of the place. The caller holds the requester's mu.
func (a *asking) leave() {
	if a.parts--; a.parts == 0 {
		a.r.running--
	}
}

// close ends the request for its caller. If there was a reply its dispatch goes on to the
// other nodes; if not, nobody is interested any more.
func (a *asking) close() {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	if a.call.Came() == 0 {
		a.stop()
	}
	a.r.desk.Close(a.call)
	a.leave()
}

// next waits for the next reply. It is nil after the last one.
func (a *asking) next(ctx context.Context) (*inbox.Reply, error) {
	for {
		reply, end := a.take()
		switch {
		case reply != nil || end.Over:
			return reply, nil
		case end.Full != "":
			return nil, fmt.Errorf("replies came faster than they were taken: %w", &LimitError{Limit: end.Full, Max: end.Max})
		case end.Err != nil:
			return nil, end.Err
		}
		select {
		case <-a.call.Wake:
		case <-ctx.Done():
			if reply, _ := a.take(); reply != nil {
				return reply, nil
			}
			return nil, a.late(ctx)
		}
	}
}

func (a *asking) take() (*inbox.Reply, inbox.End) {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	return a.call.Next()
}

// result is a reply as its requester sees it.
func (a *asking) result(reply *inbox.Reply) (event.Event, error) {
	if reply.Failed {
		return event.Event{}, &ReplyError{Topic: a.topic, Text: reply.Text}
	}
	return reply.Event, nil
}

// late says what is missing at the end of ctx; nil if nothing is.
func (a *asking) late(ctx context.Context) error {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	came := a.call.Came()
	if came >= max(a.want, 1) {
		return nil
	}
	err := fmt.Errorf("%d of %d replies came to the request to %s, which %d subscriptions took: %w",
		came, max(a.want, 1), a.topic, a.reached, context.Cause(ctx))
	if a.r.gaps != a.gaps {
		err = fmt.Errorf("%w (events of the inbox were missing meanwhile: replies may have been lost)", err)
	}
	return err
}
