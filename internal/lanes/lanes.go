package lanes

import (
	"hash/maphash"
	"sync"
)

// Queue is how many things wait in one lane of Keyed. While it is full, Give waits.
const Queue = 16

// Mode is how things are worked on.
type Mode uint8

// The modes.
const (
	// Direct works in Give, one after the other.
	Direct Mode = iota
	// Free works on each thing beside the others.
	Free
	// Keyed works on things of one key one after the other. Those without a key ask for
	// no order and take the lanes in turn.
	Keyed
)

// Lanes is where things are worked on.
type Lanes[T any] interface {
	// Give hands a thing over.
	Give(key string, v T)
	// Wait returns when all that was given has been worked on.
	Wait()
}

// New makes lanes, in which each is called for each thing, at most n at once.
func New[T any](mode Mode, n int, each func(T)) Lanes[T] {
	switch mode {
	case Free:
		return &free[T]{each: each, slots: make(chan struct{}, n)}
	case Keyed:
		return &keyed[T]{each: each, seed: maphash.MakeSeed(), queues: make([]chan T, n)}
	case Direct:
	}
	return direct[T](each)
}

// direct works in the caller's goroutine.
type direct[T any] func(T)

// Give implements Lanes.
func (l direct[T]) Give(_ string, v T) { l(v) }

// Wait implements Lanes.
func (direct[T]) Wait() {}

// free works on each thing in a goroutine of its own, as many at once as there are slots.
type free[T any] struct {
	each  func(T)
	slots chan struct{}
	wg    sync.WaitGroup
}

// Give implements Lanes.
func (l *free[T]) Give(_ string, v T) {
	l.slots <- struct{}{}
	l.wg.Go(func() {
		defer func() { <-l.slots }()
		l.each(v)
	})
}

// Wait implements Lanes.
func (l *free[T]) Wait() { l.wg.Wait() }

// keyed works on things of one key in one lane.
type keyed[T any] struct {
	each   func(T)
	seed   maphash.Seed
	queues []chan T
	turn   int
	wg     sync.WaitGroup
}

// Give implements Lanes.
func (l *keyed[T]) Give(key string, v T) { l.lane(key) <- v }

// lane returns the queue for a key.
func (l *keyed[T]) lane(key string) chan<- T {
	i := l.turn
	if key == "" {
		l.turn = (l.turn + 1) % len(l.queues)
	} else {
		i = int(maphash.String(l.seed, key) % uint64(len(l.queues)))
	}
	if l.queues[i] == nil {
		l.start(i)
	}
	return l.queues[i]
}

func (l *keyed[T]) start(i int) {
	queue := make(chan T, Queue)
	l.queues[i] = queue
	l.wg.Go(func() {
		for v := range queue {
			l.each(v)
		}
	})
}

// Wait implements Lanes.
func (l *keyed[T]) Wait() {
	for i, queue := range l.queues {
		if queue != nil {
			close(queue)
			l.queues[i] = nil
		}
	}
	l.wg.Wait()
}
