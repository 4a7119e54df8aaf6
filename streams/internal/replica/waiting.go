package replica

import (
	"context"
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// waiting is a proposal with who waits for its result. It counts in the queue's
// bytes until it is decided, or nobody waits any more.
type waiting struct {
	*Proposal
	c    *committer
	cost int64
	done chan decided // capacity 1

	mu    sync.Mutex
	taken bool // it is in an entry, or was refused
	gone  bool // nobody waits, and its events may not be looked at any more
}

// decided is what became of a proposal.
type decided struct {
	result state.Result
	err    error
}

// decide gives the proposal its result: once, after it was taken.
func (w *waiting) decide(d decided) {
	w.done <- d
	w.c.bytes.Release(w.cost)
}

// enter puts the proposal into an entry, and reports whether it is in.
func (w *waiting) enter(b *state.EntryBuilder) bool {
	refused, in := w.take(b)
	if refused != nil {
		w.decide(decided{err: refused})
	}
	return in
}

// take puts the proposal into an entry, unless nobody waits any more.
func (w *waiting) take(b *state.EntryBuilder) (refused error, in bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		return nil, false
	}
	w.taken = true
	if err := add(b, w.Proposal); err != nil {
		return err, false
	}
	return nil, true
}

// leave says that nobody waits any more, and reports whether that was in time.
func (w *waiting) leave() bool {
	w.mu.Lock()
	w.gone = true
	taken := w.taken
	w.mu.Unlock()
	if !taken {
		w.c.bytes.Release(w.cost)
	}
	return !taken
}

// wait waits for the result. The error says that there is none.
func (w *waiting) wait(ctx context.Context) (state.Result, error) {
	why := errStopped
	select {
	case d := <-w.done:
		return d.result, d.err
	case <-ctx.Done():
		why = context.Cause(ctx)
	case <-w.c.s.over:
	}
	if w.leave() {
		return state.Result{}, why
	}
	select { // it may have been decided at the same moment
	case d := <-w.done:
		return d.result, d.err
	default:
		return state.Result{}, fmt.Errorf("no answer yet (%w): %w", why, eventnode.ErrOutcomeUnknown)
	}
}
