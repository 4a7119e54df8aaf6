package source

import (
	"context"
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
)

// Expected is temporary interest in one event: the first that a predicate holds of.
type Expected struct {
	h    *Handlers
	is   func(e Event) bool
	once sync.Once
	got  chan struct{} // closed when event or err is set
	e    Event
	err  error
}

// Expect notes interest in the next event that is holds of, before whatever will bring it
// about is done. Wait waits for it; Close ends the interest, whatever has come of it.
//
// is is called for each event before its handlers are, by the goroutine that the source's
// events come in: it must not block. If it panics, Wait says so. More than
// HandlersConfig.MaxWaiters at one time are a *eventnode.LimitError.
func (h *Handlers) Expect(is func(e Event) bool) (*Expected, error) {
	x := &Expected{h: h, is: is, got: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if is == nil {
		return nil, fmt.Errorf("source: what is expected needs a predicate: %w", eventnode.ErrInvalidArgument)
	}
	if len(h.waiters) >= h.cfg.MaxWaiters {
		return nil, &eventnode.LimitError{Limit: "max_waiters", Max: h.cfg.MaxWaiters}
	}
	h.waiters[x] = struct{}{}
	return x, nil
}

// Await is Expect and Wait: it returns the first event from now on that is holds of, or
// fails with the cause of ctx's end.
func (h *Handlers) Await(ctx context.Context, is func(e Event) bool) (Event, error) {
	x, err := h.Expect(is)
	if err != nil {
		return Event{}, err
	}
	defer x.Close()
	return x.Wait(ctx)
}

// Wait returns the event, when it has come. It fails with the cause of ctx's end, with
// ErrClosed, or with a *eventnode.PanicError. It may be called again.
func (x *Expected) Wait(ctx context.Context) (Event, error) {
	select {
	case <-x.got:
		return x.e, x.err
	case <-ctx.Done():
		return Event{}, context.Cause(ctx)
	}
}

// Close ends the interest.
func (x *Expected) Close() { x.end(Event{}, ErrClosed) }

func (x *Expected) end(e Event, err error) {
	x.once.Do(func() {
		x.e, x.err = e, err
		close(x.got)
		x.h.mu.Lock()
		defer x.h.mu.Unlock()
		delete(x.h.waiters, x)
	})
}

// expected tells those who wait for an event of it.
func (h *Handlers) expected(e Event) {
	for _, x := range h.waiting() {
		holds := false
		if err := caught(func() error { holds = x.is(e); return nil }); err != nil {
			h.fail(context.Background(), h.own, e, err)
			x.end(Event{}, err)
		}
		if holds {
			x.end(e, nil)
		}
	}
}

// waiting are those who wait now.
func (h *Handlers) waiting() (all []*Expected) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for x := range h.waiters {
		all = append(all, x)
	}
	return all
}
