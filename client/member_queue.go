package client

import (
	"context"
	"sync"

	"github.com/eventnode/eventnode"
)

// defaultMemberQueue is a member's capacity in events if nobody says another.
const defaultMemberQueue = 1024

// memberQueue holds what a member has received and its owner has not. Its
// capacity is a number of events; when it is full the oldest goes, and the gap
// that it leaves is told at its place, with the exact count as long as every
// gap among what went was exact.
type memberQueue struct {
	most int

	mu     sync.Mutex
	ring   []eventnode.Received
	head   int
	count  int
	gap    eventnode.Gap // before the head; Reason is unspecified if there is none
	closed error

	// ready has room for one token: there may be something to pop.
	ready chan struct{}
}

func newMemberQueue(most int) *memberQueue {
	if most <= 0 {
		most = defaultMemberQueue
	}
	return &memberQueue{most: most, ready: make(chan struct{}, 1)}
}

// push adds an event or a gap. It never blocks.
func (q *memberQueue) push(r eventnode.Received) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != nil {
		return
	}
	if q.count == q.most {
		q.dropOldest()
	}
	if q.count == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.count)%len(q.ring)] = r
	q.count++
	q.signal()
}

// grow doubles the ring, up to the capacity.
func (q *memberQueue) grow() {
	ring := make([]eventnode.Received, min(max(2*len(q.ring), 8), q.most))
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

// dropOldest adds the oldest to the gap.
func (q *memberQueue) dropOldest() {
	if q.gap.Reason == eventnode.GapUnspecified {
		q.gap = eventnode.Gap{Known: true, Reason: eventnode.GapQueueFull}
	}
	if g := q.shift().Gap; g != nil {
		q.gap.Known = q.gap.Known && g.Known
		q.gap.Count += g.Count
	} else {
		q.gap.Count++
	}
	if !q.gap.Known {
		q.gap.Count = 0
	}
}

// shift takes the oldest out. The queue must not be empty.
func (q *memberQueue) shift() eventnode.Received {
	r := q.ring[q.head]
	q.ring[q.head] = eventnode.Received{}
	q.head = (q.head + 1) % len(q.ring)
	q.count--
	return r
}

// pop takes the next out; false if there is none. The error is set when the
// queue was closed.
func (q *memberQueue) pop() (eventnode.Received, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed != nil:
		return eventnode.Received{}, false, q.closed
	case q.gap.Reason != eventnode.GapUnspecified:
		g := q.gap
		q.gap = eventnode.Gap{}
		return eventnode.Received{Gap: &g}, true, nil
	case q.count == 0:
		return eventnode.Received{}, false, nil
	}
	return q.shift(), true, nil
}

// receive waits for the next.
func (q *memberQueue) receive(ctx context.Context) (eventnode.Received, error) {
	for {
		r, ok, err := q.pop()
		if ok || err != nil {
			return r, err
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return eventnode.Received{}, ctx.Err()
		}
	}
}

// close discards what is queued and ends receive with err.
func (q *memberQueue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = err
	}
	q.ring, q.count = nil, 0
	q.signal()
}

// signal never blocks.
func (q *memberQueue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
