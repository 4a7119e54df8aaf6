package groups

import (
	"context"
	"sync"

	"github.com/eventnode/eventnode"
)

// item is an encoded event on its way to a member.
type item struct {
	scope, group string
	event        []byte
}

// queue holds what waits for a member's reader: at most limit events; when it
// is full the oldest goes and is counted, and the count is told before the next
// event that is there.
type queue struct {
	mu      sync.Mutex
	limit   int
	ring    []item // grows up to limit
	head, n int
	dropped uint64 // before the head, not told yet
	closed  bool
	wake    chan struct{} // made by the first reader that waits
	notify  func()        // called when the queue was empty, if set
}

// put adds an item; ok is false if the queue is closed. It returns how many
// wait now, and whether one was dropped for it.
func (q *queue) put(it item) (queued int, dropped, ok bool) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return 0, false, false
	}
	first := q.n == 0
	dropped = q.n == q.limit
	if dropped {
		q.pop()
		q.dropped++
	}
	q.push(it)
	queued = q.n
	q.signal()
	q.mu.Unlock()
	if first && q.notify != nil {
		q.notify()
	}
	return queued, dropped, true
}

func (q *queue) push(it item) {
	if q.n == len(q.ring) {
		bigger := make([]item, min(max(4, 2*len(q.ring)), q.limit))
		for i := range q.n {
			bigger[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = bigger, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = it
	q.n++
}

func (q *queue) pop() item {
	it := q.ring[q.head]
	q.ring[q.head] = item{}
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return it
}

// signal wakes one reader. Sending to a channel with room does not block.
func (q *queue) signal() {
	if q.wake != nil {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take returns the count of events dropped before the next one, or the next
// one. With neither, wait is what to wait on.
func (q *queue) take() (it item, dropped uint64, wait <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return item{}, 0, nil, eventnode.ErrClosed
	case q.dropped > 0:
		dropped, q.dropped = q.dropped, 0
	case q.n > 0:
		it = q.pop()
	default:
		if q.wake == nil {
			q.wake = make(chan struct{}, 1)
		}
		return item{}, 0, q.wake, nil
	}
	if q.n > 0 {
		q.signal() // there may be another reader
	}
	return it, dropped, nil, nil
}

// next waits for what take returns.
func (q *queue) next(ctx context.Context) (item, uint64, error) {
	for {
		it, dropped, wait, err := q.take()
		if wait == nil || err != nil {
			return it, dropped, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return item{}, 0, ctx.Err()
		}
	}
}

func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// close discards what waits and wakes all readers.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed, q.ring, q.n = true, nil, 0
	if q.wake != nil {
		close(q.wake)
	}
}
