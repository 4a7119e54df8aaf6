package catchup

import (
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// bounds are how many events and bytes there may be.
type bounds struct{ events, bytes int }

// cost is about what a delivery takes, in bytes.
func cost(d *eventnode.Delivery) int {
	const rest = 256
	ev := &d.Event
	n := rest + len(ev.Data) + len(ev.Name) + len(ev.Key) + len(ev.Source) + len(ev.DataType)
	for k, v := range ev.Meta {
		n += len(k) + len(v)
	}
	return n
}

// queue is what the owner is to receive. One event may exceed its bounds, and so may
// gaps: between two of them there are events.
type queue struct {
	bounds
	list  []eventnode.Delivery
	head  int
	bytes int
}

func (q *queue) len() int { return len(q.list) - q.head }

// room reports whether one more event fits.
func (q *queue) room() bool { return q.fits(1, 0) }

// fits reports whether so much more fits.
func (q *queue) fits(events, bytes int) bool {
	return q.len() == 0 || q.len()+events <= q.events && q.bytes+bytes <= q.bounds.bytes
}

func (q *queue) push(d eventnode.Delivery) {
	q.list = append(q.list, d)
	q.bytes += cost(&d)
}

// pushGap adds a gap, or makes one of it and of the last if nothing is between them.
func (q *queue) pushGap(g eventnode.Gap) {
	if q.len() > 0 {
		if last := q.list[len(q.list)-1].Gap; last != nil {
			*last = merge(*last, g)
			return
		}
	}
	q.push(eventnode.Delivery{Gap: &g})
}

// merge makes one gap of two.
func merge(a, b eventnode.Gap) eventnode.Gap {
	both := eventnode.Gap{Node: b.Node, Reason: b.Reason}
	if a.Node != b.Node {
		both.Node = ""
	}
	if both.Known = a.Known && b.Known; both.Known {
		both.Count = a.Count + b.Count
	}
	return both
}

func (q *queue) pop() (eventnode.Delivery, bool) {
	if q.len() == 0 {
		return eventnode.Delivery{}, false
	}
	d := q.list[q.head]
	q.list[q.head] = eventnode.Delivery{}
	q.bytes -= cost(&d)
	if q.head++; 2*q.head >= len(q.list) {
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	return d, true
}

// park is what arrived live while the stream is read, in order, but for what the
// stream has shown since.
type park struct {
	bounds
	list  []parked
	head  int
	bytes int
	at    map[event.ID]int // in list, plus passed
	// passed is how many were cut off the front of list, ever.
	passed int
	// dropped is how many did not fit, and last the last of them, until the stream
	// has shown it.
	dropped uint64
	last    event.ID
	lastAt  time.Time
}

type parked struct {
	d    eventnode.Delivery
	at   time.Time
	gone bool
}

func newPark(b bounds) park { return park{bounds: b, at: make(map[event.ID]int)} }

func (p *park) len() int { return len(p.at) }

func (p *park) has(id event.ID) bool {
	_, ok := p.at[id]
	return ok
}

// add parks an event, and reports whether it fits.
func (p *park) add(d eventnode.Delivery, now time.Time) bool {
	size := cost(&d)
	if p.len() > 0 && (p.len() >= p.events || p.bytes+size > p.bounds.bytes) {
		p.dropped++
		p.last, p.lastAt = d.Event.ID, now
		return false
	}
	p.at[d.Event.ID] = p.passed + len(p.list)
	p.list = append(p.list, parked{d: d, at: now})
	p.bytes += size
	return true
}

// remove takes one out that the stream has shown.
func (p *park) remove(id event.ID) {
	if id == p.last {
		p.dropped, p.last = 0, event.ID{}
	}
	i, ok := p.at[id]
	if !ok {
		return
	}
	e := &p.list[i-p.passed]
	p.bytes -= cost(&e.d)
	*e = parked{gone: true}
	delete(p.at, id)
	p.trim()
}

// trim cuts off what is gone at the front.
func (p *park) trim() {
	for p.head < len(p.list) && p.list[p.head].gone {
		p.head++
	}
	if 2*p.head > len(p.list) {
		n := copy(p.list, p.list[p.head:])
		clear(p.list[n:])
		p.list, p.passed, p.head = p.list[:n], p.passed+p.head, 0
	}
}

// oldest is when the first of those arrived that the stream is to show.
func (p *park) oldest() (time.Time, bool) {
	if p.len() == 0 {
		return p.lastAt, p.dropped > 0
	}
	return p.list[p.head].at, true
}

// all ranges over what is parked.
func (p *park) all(yield func(eventnode.Delivery) bool) {
	for i := p.head; i < len(p.list); i++ {
		if !p.list[i].gone && !yield(p.list[i].d) {
			return
		}
	}
}
