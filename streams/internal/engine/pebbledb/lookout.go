package pebbledb

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// lookTimeout is how long a reader of the metrics waits before it takes the ones
// of the last time.
const lookTimeout = time.Second

// lookout reads Pebble's metrics, which waits for a write to the manifest, and
// so for a disk that hangs. One goroutine at most is inside; nobody has to wait
// for it, except Close.
type lookout struct {
	mu      sync.Mutex
	last    *pebble.Metrics
	running chan struct{} // closed when the look under way is done; nil for none
}

// look begins one, or joins the one under way. The channel is closed when latest
// has its answer.
func (s *Store) look() <-chan struct{} {
	l := &s.lookout
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running != nil {
		return l.running
	}
	done := make(chan struct{})
	if s.gate.enter() != nil {
		close(done)
		return done
	}
	l.running = done
	go func() {
		defer s.gate.leave()
		m := s.db.Metrics()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.last, l.running = m, nil
		close(done)
	}()
	return done
}

// latest are the metrics of the last look.
func (s *Store) latest() *pebble.Metrics {
	s.lookout.mu.Lock()
	defer s.lookout.mu.Unlock()
	return s.lookout.last
}

// stats are the metrics of now, or of the last time if the disk hangs.
func (s *Store) stats() *pebble.Metrics {
	late := time.NewTimer(lookTimeout)
	defer late.Stop()
	select {
	case <-s.look():
	case <-s.failure.done:
	case <-late.C:
	}
	return s.latest()
}
