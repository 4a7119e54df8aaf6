package source

// schedule says what comes next where things of one key come one after the other, and
// things of other keys beside them. It has no goroutine and no clock.
//
// A key is busy from the moment its first thing is ready until done was said of its last
// one. What comes for a busy key waits behind it; what is ready is taken in the order in
// which it became so. A thing of the empty key waits for nobody. Every operation takes
// constant time, and nothing is kept of a key that is not busy.
type schedule[T any] struct {
	ready fifo[T]
	busy  map[string]*fifo[T] // what waits behind each busy key
	size  int                 // ready or waiting
}

// keyed is a thing with its key.
type keyed[T any] struct {
	key string
	v   T
}

// add adds a thing.
func (s *schedule[T]) add(key string, v T) {
	s.size++
	if key != "" {
		if behind, ok := s.busy[key]; ok {
			behind.push(keyed[T]{key, v})
			return
		}
		if s.busy == nil {
			s.busy = map[string]*fifo[T]{}
		}
		s.busy[key] = &fifo[T]{}
	}
	s.ready.push(keyed[T]{key, v})
}

// next takes what comes next. Whoever takes it says done when it is.
func (s *schedule[T]) next() (k keyed[T], ok bool) {
	if k, ok = s.ready.pop(); ok {
		s.size--
	}
	return k, ok
}

// done says that a thing of this key, which next has returned, is done.
func (s *schedule[T]) done(key string) {
	if key == "" {
		return
	}
	if k, ok := s.busy[key].pop(); ok {
		s.ready.push(k)
		return
	}
	delete(s.busy, key)
}

// fifo is a queue. What was taken is not held.
type fifo[T any] struct {
	items []keyed[T]
	first int
}

func (q *fifo[T]) push(k keyed[T]) { q.items = append(q.items, k) }

func (q *fifo[T]) pop() (k keyed[T], ok bool) {
	if q.first == len(q.items) {
		return k, false
	}
	k, q.items[q.first] = q.items[q.first], keyed[T]{}
	q.first++
	if 2*q.first >= len(q.items) { // each thing is moved once at most, on the average
		n := copy(q.items, q.items[q.first:])
		clear(q.items[n:])
		q.items, q.first = q.items[:n], 0
	}
	return k, true
}
