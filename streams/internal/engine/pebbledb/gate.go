package pebbledb

import (
	"sync"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// gate counts the calls that are inside Pebble, which must not be called once
// it is closed.
type gate struct {
	mu      sync.Mutex
	inside  int
	closing chan struct{} // closed when nobody may enter any more
	empty   chan struct{} // closed when, after that, nobody is inside
}

func newGate() *gate {
	return &gate{closing: make(chan struct{}), empty: make(chan struct{})}
}

func (g *gate) shut() bool {
	select {
	case <-g.closing:
		return true
	default:
		return false
	}
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut() {
		return engine.ErrClosed
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.shut() {
		close(g.empty)
	}
}

// close lets nobody in and reports whether it was the first to do so. The
// caller then waits for empty.
func (g *gate) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut() {
		return false
	}
	close(g.closing)
	if g.inside == 0 {
		close(g.empty)
	}
	return true
}
