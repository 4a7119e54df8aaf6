package hands

import (
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// Outcome is how working on a batch ended.
type Outcome uint8

const (
	// Succeeded has what nothing was said of acked, unless the consumer acks by hand.
	Succeeded Outcome = iota
	// Failed has it nacked.
	Failed
	// Interrupted has it come again at once, uncounted.
	Interrupted
)

// Settle says something of one event of a batch. It fails with eventnode.ErrNotPending
// if something was said already, with eventnode.ErrFenced if the lease is over.
func (h *Hands) Settle(b *Batch, d *eventnode.StreamDelivery, s eventnode.Settlement, now time.Time) error {
	if b.lease != h.lease {
		return eventnode.ErrFenced
	}
	st := h.byName[d.Stream()]
	if st == nil || !st.held.has(d.Number()) {
		return eventnode.ErrNotPending
	}
	one := numbers{{d.Number(), d.Number()}}
	if s.Verb == eventnode.VerbExtend {
		h.extendOne(st, d.Number(), s.Delay, now)
	} else {
		st.held, _ = st.held.remove(one[0])
		delete(st.longer, d.Number())
	}
	h.say(s, st, one, b.self)
	if isNack(s.Verb) {
		h.keepOrder(st)
	}
	return nil
}

// isNack reports whether events come again.
func isNack(v eventnode.Verb) bool { return v == eventnode.VerbNack || v == eventnode.VerbNackSilent }

// keepOrder gives back what waits of a keyed group when an event before it is to come
// again: there may be some of its key among it, and they are to come behind it.
func (h *Hands) keepOrder(st *stream) {
	if !st.keyed {
		return
	}
	parts := st.parts
	st.parts = nil
	for _, p := range parts {
		st.waiting -= p.count
		h.waiting = h.waiting.minus(amount{p.count, len(p.records)})
		h.giveBack(st, p)
	}
	h.nackedLast(st)
}

// nackedLast notes that what was said last has events of a keyed group come again. What
// the node hands out before it has taken that may have others of their keys.
func (h *Hands) nackedLast(st *stream) {
	if n := len(h.out); n > 0 && h.streams != nil {
		st.nacked = h.out[n-1]
	}
}

// isNacking reports whether a nack of a keyed group is not answered yet. Until then there
// is no credit: what is given back, because it was on its way, would be followed by more
// that is, for ever.
func (h *Hands) isNacking() bool {
	for _, st := range h.streams {
		if n := st.nacked; n != nil && (n.number == 0 || slices.Contains(h.sent, n)) {
			return true
		}
	}
	return false
}

// isEarly reports whether events were handed out before the node had taken the last
// nack, as far as it had taken requests then.
func (st *stream) isEarly(after uint64) bool {
	if st.nacked == nil {
		return false
	}
	if st.nacked.number == 0 || after < st.nacked.number {
		return true
	}
	st.nacked = nil
	return false
}

// giveBack has events of a keyed group come again, uncounted, that nobody has worked on.
func (h *Hands) giveBack(st *stream, p part) {
	h.say(eventnode.Settlement{Verb: eventnode.VerbNackSilent}, st, numbers{p.span()}, nil)
	h.nackedLast(st)
	p.page.decoded(p.count, false)
}

// Keyed reports whether events of a key in a stream are to keep their order.
func (h *Hands) Keyed(name string) bool {
	st := h.byName[name]
	return st != nil && st.keyed
}

// Holds reports whether nothing was said of an event of a batch.
func (h *Hands) Holds(b *Batch, d *eventnode.StreamDelivery) bool {
	st := h.byName[d.Stream()]
	return b.lease == h.lease && st != nil && st.held.has(d.Number())
}

// Finish says that a batch is not worked on any more.
func (h *Hands) Finish(b *Batch, how Outcome) {
	if h.running == b {
		h.running, h.worked = nil, amount{}
	}
	if b.lease != h.lease {
		return
	}
	if how == Succeeded && h.cfg.Manual {
		for _, e := range b.events {
			e.st.boundHeld()
		}
		return
	}
	s := eventnode.Settlement{Verb: [...]eventnode.Verb{eventnode.VerbAck, eventnode.VerbNack, eventnode.VerbNackSilent}[how]}
	for _, sn := range b.events {
		if h.byName[sn.st.name] != sn.st {
			continue
		}
		var mine numbers
		sn.st.held, mine = sn.st.held.removeAll(sn.set)
		if len(sn.st.longer) > 0 {
			sn.st.forgetLonger(mine)
		}
		h.say(s, sn.st, mine, b.self)
		if how != Succeeded && len(mine) > 0 {
			h.keepOrder(sn.st)
		}
	}
}

// mostHeld bounds what is remembered of events that a handler has kept, in spans: many
// that are far apart were forgotten, and came again somewhere long ago.
const mostHeld = 65_536

func (st *stream) boundHeld() {
	if n := len(st.held) - mostHeld; n > 0 {
		st.held = slices.Delete(st.held, 0, n)
	}
}

// Pending returns a number to give to Settled.
func (h *Hands) Pending() uint64 { return h.last }

// Settled reports whether all that was said of a batch's events was answered, as far as
// it was said before Pending returned this number, and why some of it was refused.
func (h *Hands) Settled(b *Batch, pending uint64) (done bool, refused error) {
	if slices.ContainsFunc(b.open, func(r *request) bool { return r.order <= pending }) {
		return false, nil
	}
	return true, b.refused
}
