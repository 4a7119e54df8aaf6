package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/backoff"
)

// Topic is where the events of a source are dispatched: "topic:source.NAME".
func Topic(source string) string { return "topic:source." + source }

// Live is a [Dispatcher] to consumers on all nodes, by the topic of a source. One event
// goes to each node once, however many consumers are there; how one that is slow is dealt
// with is the policy of its subscription. It is safe for concurrent use; events of
// concurrent calls have no order.
type Live struct {
	live   eventnode.Live
	source string
	topic  string

	mu        sync.Mutex
	publisher eventnode.PublisherCloser // nil: none yet
	closed    bool
}

var _ Dispatcher = (*Live)(nil)

// NewLive makes a Live of a node or a client, which Close ends.
func NewLive(live eventnode.Live, source string) (*Live, error) {
	if live == nil {
		return nil, fmt.Errorf("source: dispatch needs a node or a client: %w", eventnode.ErrInvalidArgument)
	}
	if err := CheckName(source); err != nil {
		return nil, err
	}
	return &Live{live: live, source: source, topic: Topic(source)}, nil
}

// Dispatch implements Dispatcher. It returns when the node has accepted the events, which
// is at once on an embedded one; while there is no node (ErrUnavailable) it waits and tries
// again, as long as ctx lasts. Malformed events are an *EventError, and none is sent then.
// Of those that a node refuses, or whose outcome is unknown, the first error is returned;
// the others are sent all the same.
func (l *Live) Dispatch(ctx context.Context, events []Event) error {
	return l.dispatch(ctx, events, false)
}

func (l *Live) dispatch(ctx context.Context, events []Event, strict bool) error {
	if err := check(events, l.source, strict); err != nil {
		return err
	}
	var first error
	for i, e := range events {
		err := l.one(ctx, e)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && first == nil {
			first = fmt.Errorf("event %d of %d, %.80s: %w", i+1, len(events), e.Name, err)
		}
	}
	return first
}

// one sends one event, as soon as there is a node that takes it.
func (l *Live) one(ctx context.Context, e Event) error {
	ev := e.toLive()
	for attempt := 0; ; attempt++ {
		err := l.try(ctx, ev)
		if !errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown) {
			return err
		}
		if !backoff.Wait(ctx, backoff.Backoff{}.Next(attempt, rand.Float64())) {
			return context.Cause(ctx)
		}
	}
}

// try sends an event, and waits until it was accepted.
func (l *Live) try(ctx context.Context, ev event.Event) error {
	p, err := l.open(ctx)
	if err != nil {
		return err
	}
	if _, err := p.Dispatch(ctx, l.topic, ev); err != nil {
		return err
	}
	return p.Flush(ctx)
}

// open returns the publisher, which is made when it is first needed.
func (l *Live) open(ctx context.Context) (eventnode.Publisher, error) {
	l.mu.Lock()
	p, closed := l.publisher, l.closed
	l.mu.Unlock()
	if p != nil || closed {
		return p, closedError(closed)
	}
	made, err := l.live.NewPublisher(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	if p, closed = l.publisher, l.closed; p == nil && !closed {
		p, l.publisher = made, made
	}
	l.mu.Unlock()
	if p != made { // somebody else was first
		err = errors.Join(closedError(closed), made.Close(ctx))
	}
	return p, err
}

func closedError(closed bool) error {
	if closed {
		return ErrClosed
	}
	return nil
}

// Close ends it. What Dispatch has returned for was accepted.
func (l *Live) Close(ctx context.Context) error {
	l.mu.Lock()
	p := l.publisher
	l.publisher, l.closed = nil, true
	l.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.Close(ctx)
}
