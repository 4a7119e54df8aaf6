package gateway

import (
	"bytes"
	"runtime"
	"sync"
)

// writers write events to those who take them at once, which is nearly everybody nearly
// always: a few goroutines go from one connection to the next. To begin a goroutine for
// each, and to set its deadline, was a third of what a delivery cost beside the system call.
// Who does not take it at once, and whatever else there is to write, gets a goroutine of
// its own, which may wait.
//
// One processor is left to whoever routes: what he adds meanwhile is written together, if
// it is for the same connections, and clients on the same machine have it to read.
type writers struct {
	pool scratches
	most int // goroutines

	mu      sync.Mutex
	waiting []*outgoing // from next on
	next    int
	working int
}

// takenAtOnce is how many connections a writer takes from those that wait.
const takenAtOnce = 16

func newWriters() *writers { return &writers{most: max(1, runtime.GOMAXPROCS(0)-1)} }

// add has a connection be written to, which the caller has made busy. It does not wait.
func (w *writers) add(o *outgoing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, o)
	if w.working < w.most {
		w.working++
		go w.work()
	}
}

// work writes until nobody waits.
func (w *writers) work() {
	s := w.pool.take()
	defer w.pool.give(s)
	var mine [takenAtOnce]*outgoing
	for {
		n := w.take(mine[:])
		if n == 0 {
			return
		}
		for _, o := range mine[:n] {
			if rest, done := o.quick(s); !done {
				go o.run(rest)
			}
		}
		clear(mine[:n])
	}
}

// take takes the first of those that wait; with none the writer ends.
func (w *writers) take(into []*outgoing) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n = copy(into, w.waiting[w.next:])
	clear(w.waiting[w.next : w.next+n])
	if w.next += n; 2*w.next >= len(w.waiting) { // what is left is moved, each once on average
		left := copy(w.waiting, w.waiting[w.next:])
		clear(w.waiting[left:])
		w.waiting, w.next = w.waiting[:left], 0
	}
	if n == 0 {
		w.working--
	}
	return n
}

// quick writes the events of a session, if there is nothing else to do and the connection
// takes them at once. Not done: a goroutine goes on, with the rest of what was begun.
func (o *outgoing) quick(s *scratch) (rest []byte, done bool) {
	for {
		t, simple := o.simple()
		if !simple {
			return nil, false
		}
		var err error
		if s.events, err = t.socket.Take(s.events[:0], takeAtOnce); err != nil {
			return nil, false // it is asked again, and told
		}
		s.bytes = s.bytes[:0]
		for _, sent := range s.events {
			o.event(s, t.codec, sent)
		}
		if rest = o.try(s); len(rest) > 0 {
			return rest, false
		}
		if o.rests(len(s.events) == takeAtOnce, false) {
			return nil, true
		}
	}
}

// simple is what there is to do if it is the events of a session and nothing else.
func (o *outgoing) simple() (t todo, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || o.raw == nil || o.bye != nil || o.replay != nil || o.socket == nil || len(o.answers) > 0 {
		return t, false
	}
	o.again = false
	return todo{socket: o.socket, codec: o.codec}, true
}

// try writes what was appended as far as the connection takes it now, and returns a copy of
// the rest: all of it if the connection is broken, which the next write finds, too.
func (o *outgoing) try(s *scratch) (rest []byte) {
	s.written = 0
	if len(s.bytes) > 0 && o.raw.Control(s.writeNow) == nil && s.written > 0 {
		o.metrics.bytesOut.Add(float64(s.written))
		o.metrics.io.Inc()
	}
	return bytes.Clone(s.bytes[s.written:])
}
