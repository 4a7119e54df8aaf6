package dispatch

import (
	"sync"
	"time"

	"github.com/eventnode/eventnode"
)

// itemCost is what a queued run counts for in the byte bound, besides its
// bytes: its slot, and the slots that a grown ring has to spare.
const itemCost = 96

// item is a run with the gaps that stand before it.
type item struct {
	run
	gaps []eventnode.Gap
}

// cost is what the item counts for in the byte bound.
func (it *item) cost() int { return len(it.Data) + itemCost + gapCost*len(it.gaps) }

// replace puts what is left of the run in its place, and the hold goes over.
func (it *item) replace(rest run) {
	was := it.run
	if it.run = rest.owned(); it.Mem == nil {
		was.Release()
	}
}

// queue holds what one subscription has not read yet: runs, and gaps in their
// places. Its capacity is maxEvents events and maxBytes bytes (an event that is
// larger than that alone goes into an empty queue); what happens beyond is
// policy; delivered and dropped count. Any number of goroutines put in, one
// takes out.
type queue struct {
	policy    eventnode.Policy
	maxEvents int
	maxBytes  int
	maxBlock  time.Duration
	wake      func() // tells the reader, which found nothing; called without mu

	mu        sync.Mutex
	items     ring
	events    int             // in items
	bytes     int             // cost of items
	tail      []eventnode.Gap // gaps behind the last run; at most maxGaps+2
	idle      bool            // the reader found nothing, or may take nothing
	held      bool            // the latter: only the end is worth a wake
	end       error           // once set, nothing goes in
	delivered uint64
	dropped   uint64

	// Policy block only.
	waiting  int           // publishers that wait for room
	room     chan struct{} // closed when there is some; nil if nobody waits
	episode  time.Time     // when the reader last read, or the first publisher began to wait
	shedding bool
}

// outcome is what became of a run that was offered.
type outcome struct {
	taken   int  // events that went in
	dropped int  // events dropped, of this run or of older ones
	rest    run  // what has to wait for room
	ended   bool // the subscription ended by this
}

// offer puts a run in as far as that goes without waiting.
func (q *queue) offer(r run) outcome {
	q.mu.Lock()
	var out outcome
	switch {
	case q.end != nil:
	case q.open(&r):
		q.add(r)
		out.taken = r.count
	default:
		out = q.overflow(r)
	}
	wake := q.wakes()
	q.mu.Unlock()
	if wake {
		q.wake()
	}
	return out
}

// try puts a run in if the whole of it fits; otherwise it changes nothing.
func (q *queue) try(r run) bool {
	q.mu.Lock()
	if q.end != nil || !q.open(&r) {
		q.mu.Unlock()
		return false
	}
	q.add(r)
	wake := q.wakes()
	q.mu.Unlock()
	if wake {
		q.wake()
	}
	return true
}

// load is how much is queued, in events.
func (q *queue) load() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.events
}

// open reports whether the whole run may go in.
func (q *queue) open(r *run) bool {
	if q.shedding || q.waiting > 0 {
		return false
	}
	return q.events+r.count <= q.maxEvents && q.bytes+len(r.Data)+itemCost+gapCost*len(q.tail) <= q.maxBytes ||
		q.events == 0 && r.count == 1
}

// add puts a run in, behind the gaps that are there, and holds it.
func (q *queue) add(r run) {
	r.Hold()
	it := item{run: r, gaps: q.tail}
	q.tail = nil
	q.items.push(it)
	q.events += r.count
	q.bytes += it.cost()
	q.delivered += uint64(r.count)
}

// wakes reports whether the reader must be woken, once.
func (q *queue) wakes() bool {
	some := q.events > 0 || len(q.tail) > 0
	if !q.idle || (q.held && some) || (!some && q.end == nil) {
		return false
	}
	q.idle = false
	return true
}

// overflow applies the policy to a run that does not go in whole.
func (q *queue) overflow(r run) outcome {
	switch q.policy {
	case eventnode.PolicyDropOldest:
		q.add(r)
		return outcome{taken: r.count, dropped: q.trim()}
	case eventnode.PolicyDropNewest:
		taken, rest := q.addFitting(r)
		return outcome{taken: taken, dropped: q.drop(rest)}
	case eventnode.PolicyBlock:
		return q.overflowBlock(r)
	case eventnode.PolicyDisconnect:
	}
	q.end = eventnode.ErrSlowSubscriber
	q.dropped += uint64(r.count)
	return outcome{dropped: r.count, ended: true}
}

// addFitting puts in as many events from the front of r as there is room for.
func (q *queue) addFitting(r run) (taken int, rest run) {
	k := min(r.fitting(q.maxBytes-q.bytes-itemCost-gapCost*len(q.tail)), q.maxEvents-q.events)
	if k <= 0 {
		if q.events > 0 || r.count == 0 {
			return 0, r
		}
		k = 1
	}
	if k >= r.count {
		q.add(r)
		return r.count, run{}
	}
	first, rest := r.split(k)
	q.add(first.owned())
	return k, rest
}

// drop counts a run as dropped behind what is queued.
func (q *queue) drop(r run) int {
	if r.count > 0 {
		q.dropped += uint64(r.count)
		q.tail = addGap(q.tail, queueGap(r.count))
	}
	return r.count
}

// trim drops the oldest events, but never the last one, until the rest is
// within the bounds. The gap stands before what remains, together with those
// that stood before what went.
func (q *queue) trim() (dropped int) {
	var gaps []eventnode.Gap
	for q.events > 1 && (q.events > q.maxEvents || q.bytes > q.maxBytes) {
		front := q.items.front()
		for _, g := range front.gaps {
			gaps = addGap(gaps, g)
		}
		q.bytes -= gapCost * len(front.gaps)
		front.gaps = nil
		dropped += q.trimFront()
	}
	if dropped == 0 {
		return 0
	}
	gaps = addGap(gaps, queueGap(dropped))
	front := q.items.front()
	q.bytes -= front.cost()
	for _, g := range front.gaps {
		gaps = addGap(gaps, g)
	}
	front.gaps = gaps
	q.bytes += front.cost()
	q.dropped += uint64(dropped)
	return dropped
}

// trimFront drops the first item, or as much of it as is too much.
func (q *queue) trimFront() (dropped int) {
	front := q.items.front()
	k := max(q.events-q.maxEvents, 1)
	if over := q.bytes - q.maxBytes; over > 0 {
		k = max(k, front.fitting(over))
	}
	k = min(k, q.events-1)
	before := front.cost()
	if k >= front.count {
		k = front.count
		q.items.pop().Release()
		q.bytes -= before
	} else {
		_, rest := front.split(k)
		front.replace(rest)
		q.bytes -= before - front.cost()
	}
	q.events -= k
	return k
}

// note puts a gap behind what is queued.
func (q *queue) note(g eventnode.Gap) {
	q.mu.Lock()
	if q.end == nil {
		q.tail = addGap(q.tail, g)
	}
	wake := q.wakes()
	q.mu.Unlock()
	if wake {
		q.wake()
	}
}

// take appends to b what comes next: the gaps of one place, then at most
// maxRuns runs up to the next gap, of at most maxBytes, but at least one event.
// If there is nothing it returns false, and the reader will be woken when there
// is; the error says why nothing will come any more.
//
// With maxBytes of 0 or less it takes nothing, and the reader, who must come
// again when he may take more, is woken only if the queue was closed.
func (q *queue) take(b *Batch, maxRuns, maxBytes int) (bool, error) {
	q.mu.Lock()
	empty := q.items.n == 0 && len(q.tail) == 0
	if q.held = maxBytes <= 0 && !empty; empty || q.held {
		var err error
		if empty {
			err = q.end
		}
		q.idle = err == nil
		q.mu.Unlock()
		return false, err
	}
	if q.items.n == 0 {
		b.Gaps = append(b.Gaps, q.tail...)
		q.tail = nil
	} else {
		q.takeRuns(b, maxRuns, maxBytes)
	}
	room := q.freed()
	q.mu.Unlock()
	if room != nil {
		close(room)
	}
	return true, nil
}

// takeRuns takes from the items, of which there are some.
func (q *queue) takeRuns(b *Batch, maxRuns, maxBytes int) {
	front := q.items.front()
	b.Gaps = append(b.Gaps, front.gaps...)
	q.bytes -= gapCost * len(front.gaps)
	front.gaps = nil
	for i := 0; i < maxRuns && q.items.n > 0; i++ {
		front = q.items.front()
		if len(front.gaps) > 0 || (i > 0 && b.Bytes+len(front.Data) > maxBytes) {
			return
		}
		b.add(q.takeRun(maxBytes))
	}
}

// takeRun takes the first item's run, or as much of it as fits into limit. The
// queue's hold goes with it.
func (q *queue) takeRun(limit int) run {
	front := q.items.front()
	k := max(front.fitting(limit), 1)
	if k >= front.count {
		it := q.items.pop()
		q.events -= it.count
		q.bytes -= it.cost()
		return it.run
	}
	first, rest := front.split(k)
	q.bytes -= len(first.Data)
	q.events -= k
	first.Hold()
	front.replace(rest)
	return first
}

// close ends the subscription and discards what is queued.
func (q *queue) close(err error) {
	q.mu.Lock()
	q.end = err
	q.items, q.tail = ring{}, nil
	q.events, q.bytes = 0, 0
	room := q.room
	q.room = nil
	wake := q.wakes()
	q.mu.Unlock()
	if room != nil {
		close(room)
	}
	if wake {
		q.wake()
	}
}

// describe fills in the queue's part of info.
func (q *queue) describe(info *eventnode.SubscriptionInfo) {
	q.mu.Lock()
	defer q.mu.Unlock()
	info.Policy = q.policy.String()
	info.QueuedEvents, info.QueuedBytes = q.events, q.bytes
	info.Delivered, info.Dropped = q.delivered, q.dropped
}
