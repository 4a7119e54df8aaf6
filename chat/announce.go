package chat

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// What a node says of itself, it says in one order: whoever says something holds saying, and
// looks at what is so now, not at what was when it was called. So a topic that is wanted is
// never withdrawn by somebody who is late, and a session that has ended is not registered
// again. What could not be said is said later.

// sayAgain is how long Run waits before it says again what could not be said.
const sayAgain = time.Second

// kickOff has Run tell the other nodes soon.
func (h *Hub) kickOff() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// keepSaying says what changes, and forgets who has left, until ctx ends.
func (h *Hub) keepSaying(ctx context.Context) error {
	for {
		var due <-chan time.Time
		if next := h.forgetDeparted(); !next.IsZero() {
			due = time.After(time.Until(next))
		}
		select {
		case <-h.kick:
		case <-due:
		case <-ctx.Done():
			return nil
		}
		if h.say(ctx) == nil {
			continue
		}
		select {
		case <-time.After(sayAgain):
		case <-ctx.Done():
			return nil
		}
	}
}

// say tells the other nodes what this one wants, and which sessions have ended. Who asks for
// it may go away meanwhile: it is said all the same, for others want the same topics. What
// fails is logged, and said later by Run.
func (h *Hub) say(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.CallTimeout)
	defer cancel()
	h.saying.Lock()
	defer h.saying.Unlock()
	more, less, ended := h.toSay()
	err := errors.Join(
		sayOr(ctx, ended, h.cfg.Cluster.Unregister, func() { h.ended = append(h.ended, ended...) }, &h.mu),
		sayOr(ctx, less, h.cfg.Cluster.Withdraw, func() { h.table.change(less) }, &h.mu),
		sayOr(ctx, more, h.cfg.Cluster.Announce, func() { h.table.change(more) }, &h.mu),
	)
	if err != nil {
		h.failed("tell the other nodes", err)
		h.kickOff()
	}
	return err
}

// toSay takes what is to be said. A session that has ended here may be here again, for it
// moved away and back.
func (h *Hub) toSay() (more, less []string, ended []sessions.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	more, less = h.table.wants()
	ended = slices.DeleteFunc(h.ended, func(id sessions.ID) bool {
		_, err := h.manager.Session(id)
		return err == nil
	})
	h.ended = nil
	h.journal.tellAll(h.table.changed)
	return more, less, ended
}

// sayOr says something, if there is something, and puts it back under a lock if that failed.
func sayOr[T any](ctx context.Context, what []T, say func(context.Context, []T) error, back func(), mu sync.Locker) error {
	if len(what) == 0 {
		return nil
	}
	err := say(ctx, what)
	if err != nil {
		mu.Lock()
		defer mu.Unlock()
		back()
	}
	return err
}

// register says what a session of this node is, as it is now, unless it has ended.
func (h *Hub) register(ctx context.Context, s *sessions.Session) error {
	h.saying.Lock()
	defer h.saying.Unlock()
	if !h.here(s) {
		return sessions.ErrClosed
	}
	return h.cfg.Cluster.Register(ctx, s.ID(), sessionMeta(s))
}

// here reports whether a session of this node has not ended.
func (h *Hub) here(s *sessions.Session) bool {
	there, err := h.manager.Session(s.ID())
	return err == nil && there == s
}

// failed says that something could not be done, which nobody is told by an error.
func (h *Hub) failed(what string, err error) {
	h.metrics.failures.WithLabelValues("announce").Inc()
	h.log.Warn("something could not be done", "what", what, "error", err)
}

// settle tells the other nodes, and waits until they know; and the journal, if there is one.
func (h *Hub) settle(ctx context.Context) (missing []eventnode.NodeID) {
	_ = h.say(ctx) // Run says it later
	missing = h.cfg.Cluster.Wait(ctx)
	if h.confirm(ctx) != nil {
		missing = append(missing, h.cfg.Node.ID)
	}
	return missing
}

// confirm waits until what was said to the journal is written.
func (h *Hub) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.CallTimeout)
	defer cancel()
	return h.journal.flush(ctx)
}
