package raftnet

import "sync"

// live is what a layer has to stop when it closes: connections and dials.
type live struct {
	mu     sync.Mutex
	closed bool
	next   uint64
	stops  map[uint64]func()
}

// add keeps stop until remove is called. ok is false when it is too late.
func (l *live) add(stop func()) (remove func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, false
	}
	if l.stops == nil {
		l.stops = make(map[uint64]func())
	}
	id := l.next
	l.next++
	l.stops[id] = stop
	return func() { l.remove(id) }, true
}

func (l *live) remove(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.stops, id)
}

// close stops all there is and lets nothing more in. Only the first call does.
func (l *live) close() (first bool) {
	l.mu.Lock()
	first, l.closed = !l.closed, true
	stops := l.stops
	l.stops = nil
	l.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	return first
}
