package streamsdk

import (
	"crypto/rand"
	"slices"
)

// lane is one stream's part of the outbox, and a producer to that stream.
type lane struct {
	stream   string
	producer [16]byte
	number   uint64 // the last one used

	waiting []*call // in the order in which they were made
	busy    *batch  // under way, or to be sent again
	queued  bool    // in outbox.ready
}

func newLane(stream string) *lane {
	l := &lane{stream: stream}
	l.renew()
	return l
}

// renew makes the lane another producer: what was sent under the old ID is not
// asked about any more.
func (l *lane) renew() {
	_, _ = rand.Read(l.producer[:]) // it never fails
	l.number = 0
}

// empty reports whether nothing waits and nothing is under way.
func (l *lane) empty() bool { return l.busy == nil && len(l.waiting) == 0 }

// hasWork reports whether there is something to send now.
func (l *lane) hasWork() bool {
	if l.busy != nil {
		return !l.busy.flying
	}
	return len(l.waiting) > 0
}

// next is the batch to send: the one to be sent again, or a new one.
func (l *lane) next() *batch {
	if l.busy != nil {
		return l.busy
	}
	l.number++
	b := &batch{lane: l, producer: l.producer, number: l.number}
	n := 0
	for n < len(l.waiting) && (n == 0 || b.takes(l.waiting[n])) {
		b.add(l.waiting[n])
		n++
	}
	l.waiting = slices.Delete(l.waiting, 0, n)
	l.busy = b
	return b
}

// renumber gives the batch under way the first number of a new ID.
func (l *lane) renumber() {
	l.renew()
	l.number = 1
	l.busy.producer, l.busy.number, l.busy.mended = l.producer, l.number, true
}

// divide puts the calls of the batch under way back, each to go alone.
func (l *lane) divide() {
	calls := l.busy.calls
	for _, c := range calls {
		c.batch, c.alone = nil, true
	}
	l.busy = nil
	l.waiting = slices.Insert(l.waiting, 0, calls...)
}
