package hands

import (
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// After a break the node delivers again, first, what was in this consumer's hands. What
// that was is known here, so:
//
//	was said something of       it is said again
//	is worked on, or kept       it stays there, and can be settled from now on
//	waited, or had not arrived  it waits again
//
// An event that is delivered the first time says that what was in hand has come again.
// What has not come again by then, or when all there is has been sent, is not in these
// hands any more: that an ack of it had been done is heard by saying it again. A nack
// had been done, too, or another consumer has the event.

// again has what was said and not answered said when the events come again.
func (h *Hands) again(r *request) {
	if r.Verb == eventnode.VerbExtend {
		r.finish(nil)
		return
	}
	r.number = 0
	h.said = append(h.said, r)
}

// saidOf reports whether something is to be said of events of a stream.
func (h *Hands) saidOf(st *stream) bool {
	return slices.ContainsFunc(h.said, func(r *request) bool {
		return slices.ContainsFunc(r.events, func(sn streamNumbers) bool { return sn.st == st && len(sn.set) > 0 })
	})
}

// recognize sorts events that came while what was in hand comes again. The rest has come
// for the first time.
func (h *Hands) recognize(st *stream, p part, after uint64, now time.Time) (rest part) {
	for p.count > 0 && st.resuming {
		class, r := h.classify(st, p.number)
		if class == isNew && p.deliveries <= 1 {
			h.resumed(st)
			break
		}
		n := 1
		for n < p.count {
			if c, o := h.classify(st, p.number+uint64(n)); c != class || o != r {
				break
			}
			n++
		}
		head := p.cut(n, len(p.records), true)
		switch class {
		case wasSaid:
			h.sayAgain(st, head.span(), r)
		case wasHeld:
			st.came = st.came.add(head.span())
			h.work(st, head, now)
		default:
			st.came = st.came.add(head.span())
			st.waited, _ = st.waited.remove(head.span())
			h.takeIn(st, head, after)
		}
	}
	return p
}

// class is what is known of an event that comes.
type class uint8

const (
	isNew class = iota
	wasSaid
	wasHeld
	hasWaited
)

func (h *Hands) classify(st *stream, n uint64) (class, *request) {
	for _, r := range h.said {
		for _, sn := range r.events {
			if sn.st == st && sn.set.has(n) {
				return wasSaid, r
			}
		}
	}
	switch {
	case st.held.has(n):
		return wasHeld, nil
	case st.waited.has(n):
		return hasWaited, nil
	}
	return isNew, nil
}

// sayAgain says again what was said of events that came again.
func (h *Hands) sayAgain(st *stream, s span, r *request) {
	sn := r.of(st)
	var events numbers
	sn.set, events = sn.set.remove(s)
	h.put(&h.out, r.Settlement, st, events, r.batches, r.order)
	if isNack(r.Verb) {
		h.keepOrder(st)
	}
	h.tidySaid(nil)
}

// work counts events of the batch that is worked on when they come again.
func (h *Hands) work(st *stream, p part, now time.Time) {
	if h.running == nil {
		return
	}
	if mine := h.running.of(st); mine != nil && mine.set.has(p.number) {
		mine.at = now
		h.worked = h.worked.plus(amount{p.count, len(p.records)})
	}
}

// resumed says that what was in hand of a stream has come again.
func (h *Hands) resumed(st *stream) {
	if !st.resuming {
		return
	}
	st.resuming, st.came, st.waited = false, nil, nil
	for _, r := range h.said {
		sn := r.of(st)
		events := sn.set
		sn.set = nil
		if len(events) == 0 || r.Verb != eventnode.VerbAck && r.Verb != eventnode.VerbTerminate {
			continue
		}
		h.put(&h.out, r.Settlement, st, events, r.batches, r.order).confirm = true
	}
	h.tidySaid(nil)
}

// tidySaid drops requests of which nothing is left.
func (h *Hands) tidySaid(why error) {
	h.said = slices.DeleteFunc(h.said, func(r *request) bool {
		if r.isEmpty() {
			r.finish(why)
			return true
		}
		return false
	})
}
