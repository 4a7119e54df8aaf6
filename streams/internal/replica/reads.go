package replica

import (
	"context"
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
)

// reads confirms that this replica leads, for those who are about to read.
//
// What this leader acked it had applied before. What leaders before it acked it
// had applied when it was ready: it then waited for an entry of its own term. So
// the state shows everything acked before a moment if this replica still leads
// after that moment: that is what a majority confirms, once for all who wait.
type reads struct {
	s *session

	mu      sync.Mutex
	waiting *round // those who come now; nil: nobody
	more    chan struct{}
}

// round is those who wait for the same confirmation.
type round struct {
	done chan struct{}
	err  error
}

func newReads(s *session) *reads { return &reads{s: s, more: make(chan struct{}, 1)} }

// confirm returns when this replica led after the call.
func (r *reads) confirm(ctx context.Context) error {
	r.mu.Lock()
	if r.waiting == nil {
		r.waiting = &round{done: make(chan struct{})}
		select {
		case r.more <- struct{}{}:
		default:
		}
	}
	mine := r.waiting
	r.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-r.s.over:
		return errStopped
	case <-ctx.Done():
		return fmt.Errorf("no majority confirmed the leader: %w: %w", context.Cause(ctx), eventnode.ErrUnavailable)
	}
}

// run confirms one round after the other.
func (r *reads) run() {
	for {
		select {
		case <-r.more:
		case <-r.s.over:
			return
		}
		r.mu.Lock()
		now := r.waiting
		r.waiting = nil
		r.mu.Unlock()
		now.err = r.s.verify()
		close(now.done)
	}
}

// verify asks a majority.
func (s *session) verify() error {
	term := s.ready.Load()
	if term == 0 || s.await(s.raft.VerifyLeader()) != nil || term != s.raft.CurrentTerm() {
		return s.notLeader() // the term comes last: it says that nobody else led in between
	}
	return nil
}
