// Package quiet keeps a failure that comes again and again from flooding a log: one line
// in an interval, which says how many there were since the last one.
//
// # Guarantees
//
// The first failure is logged; each one is counted by exactly one line, or by none yet.
//
// # Concurrency
//
// A Gate may be used by several goroutines.
//
// # Failure
//
// Nothing here fails.
//
// # Example
//
//	if more, ok := gate.Open(time.Now()); ok {
//		log.Error("it failed", "error", err, "more", more)
//	}
package quiet

import (
	"sync"
	"time"
)

// Gate lets one through in an interval.
type Gate struct {
	every time.Duration

	mu   sync.Mutex
	last time.Time
	held uint64
}

// New makes a Gate.
func New(every time.Duration) *Gate { return &Gate{every: every} }

// Open reports whether a failure is to be logged, and how many were held back since the
// last one that was.
func (g *Gate) Open(now time.Time) (held uint64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.last.IsZero() && now.Sub(g.last) < g.every {
		g.held++
		return 0, false
	}
	held, g.held, g.last = g.held, 0, now
	return held, true
}
