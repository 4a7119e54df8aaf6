package dispatch

import (
	"context"
	"time"
)

// Policy block. A publisher waits as long as the queue is full and the reader
// goes on reading. An episode is a time without any reading while somebody
// waits; when one has lasted maxBlock, the queue sheds: it drops what arrives,
// and what waits, until it is half empty. All who wait share the episode, so
// that many full queues and many publishers do not add up their times.

// overflowBlock takes what fits, unless others wait already, and leaves the
// rest to wait; or drops all while it sheds.
func (q *queue) overflowBlock(r run) outcome {
	if q.sheds() {
		return outcome{dropped: q.drop(r)}
	}
	if q.waiting > 0 {
		return outcome{rest: r}
	}
	taken, rest := q.addFitting(r)
	return outcome{taken: taken, rest: rest}
}

// sheds reports whether arriving events are dropped, and ends that when the
// queue is half empty.
func (q *queue) sheds() bool {
	if q.shedding && 2*q.events <= q.maxEvents && 2*q.bytes <= q.maxBytes {
		q.shedding = false
	}
	return q.shedding
}

// wait puts in the rest of an offered run as room comes up. It returns when all
// went in or was dropped: after an episode, or at the end of ctx or of the
// subscription.
func (q *queue) wait(ctx context.Context, r run) (taken, dropped int) {
	q.enter()
	for {
		st := q.retry(r, ctx.Err() != nil)
		taken, dropped, r = taken+st.taken, dropped+st.dropped, st.rest
		if st.room == nil {
			return taken, dropped
		}
		st.pause(ctx)
	}
}

// step is what became of a run that waited.
type step struct {
	outcome
	room  <-chan struct{} // tells of room; nil if nothing has to wait any more
	limit time.Duration   // until then, at most
}

// pause waits until it makes sense to try again.
func (st *step) pause(ctx context.Context) {
	t := time.NewTimer(st.limit)
	defer t.Stop()
	select {
	case <-st.room:
	case <-t.C:
	case <-ctx.Done():
	}
}

// enter counts one who waits.
func (q *queue) enter() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == 0 {
		q.episode = time.Now()
	}
	q.waiting++
}

// retry puts in what fits, and decides about the rest.
func (q *queue) retry(r run, giveUp bool) step {
	q.mu.Lock()
	st := q.decide(r, giveUp)
	if st.room == nil {
		q.waiting--
	}
	wake := q.wakes()
	q.mu.Unlock()
	if wake {
		q.wake()
	}
	return st
}

// decide is retry, under the lock.
func (q *queue) decide(r run, giveUp bool) (st step) {
	if q.end != nil {
		return st
	}
	if q.sheds() {
		st.dropped = q.drop(r)
		return st
	}
	st.taken, st.rest = q.addFitting(r)
	if st.rest.count == 0 {
		return st
	}
	st.limit = time.Until(q.episode.Add(q.maxBlock))
	q.shedding = st.limit <= 0
	if q.shedding || giveUp {
		st.dropped, st.rest = q.drop(st.rest), run{}
		return st
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	st.room = q.room
	return st
}

// freed is called when the reader took something. It returns a channel to close
// if those who wait should try again: not for every event, but when an eighth
// of the queue is free.
func (q *queue) freed() chan struct{} {
	if q.waiting == 0 {
		return nil
	}
	q.episode = time.Now()
	if q.events > q.maxEvents-q.maxEvents/8 || q.bytes > q.maxBytes-q.maxBytes/8 {
		return nil
	}
	room := q.room
	q.room = nil
	return room
}
