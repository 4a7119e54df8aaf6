package hands

import (
	"maps"
	"time"

	"github.com/eventnode/eventnode"
)

// What waits and what is worked on is extended when a part of the ack wait is over, so
// that a handler may work as long as it likes. What the handler has extended by itself,
// for longer, is left alone until then.

const (
	// extendPart of the ack wait is how old a delivery gets before it is extended: the
	// rest is for the way, and for who looks at it only now and then.
	extendPart = 4
	// lookPart of the ack wait is how often the caller does well to call Extend.
	lookPart = 8
	// mostLonger bounds the events that are extended by hand and remembered.
	mostLonger = 65_536
)

// ExtendEvery is how often to call Extend; 0: there is nothing to extend.
func (h *Hands) ExtendEvery() (every time.Duration) {
	if h.running == nil && h.waiting.events == 0 {
		return 0
	}
	for _, st := range h.streams {
		if st.wait > 0 && (every == 0 || st.wait/lookPart < every) {
			every = max(st.wait/lookPart, time.Millisecond)
		}
	}
	return every
}

// Extend has more time asked for where it is due.
func (h *Hands) Extend(now time.Time) {
	for _, st := range h.streams {
		if st.wait <= 0 || st.resuming {
			continue
		}
		before := now.Add(-st.wait / extendPart)
		var due numbers
		for i := range st.parts {
			if p := &st.parts[i]; !p.at.After(before) {
				due = due.add(p.span())
				p.at = now
			}
		}
		if e := h.workedOn(st); e != nil && !e.at.After(before) {
			due = due.addAll(st.mine(e.set, now))
			e.at = now
		}
		h.say(eventnode.Settlement{Verb: eventnode.VerbExtend}, st, due, nil)
	}
}

// workedOn is the events of a stream that are worked on; nil if there are none.
func (h *Hands) workedOn(st *stream) *batchEvents {
	if h.running == nil || h.running.lease != h.lease {
		return nil
	}
	return h.running.of(st)
}

// inHand is those of a set that are held.
func (st *stream) inHand(set numbers) (out numbers) {
	for _, r := range set {
		for i := st.held.at(r.from); i < len(st.held) && st.held[i].from <= r.to; i++ {
			out = out.add(span{max(st.held[i].from, r.from), min(st.held[i].to, r.to)})
		}
	}
	return out
}

// mine is those of a set that are held, and not extended by hand for longer.
func (st *stream) mine(set numbers, now time.Time) (out numbers) {
	out = st.inHand(set)
	for n, until := range st.longer {
		if until.After(now.Add(st.wait)) {
			out, _ = out.remove(span{n, n})
		}
	}
	return out
}

// extendOne notes that the handler has extended an event by itself.
func (h *Hands) extendOne(st *stream, n uint64, by time.Duration, now time.Time) {
	if len(st.longer) >= mostLonger {
		maps.DeleteFunc(st.longer, func(_ uint64, until time.Time) bool { return until.Before(now) })
	}
	if by <= 0 || len(st.longer) >= mostLonger {
		delete(st.longer, n)
		return
	}
	if st.longer == nil {
		st.longer = map[uint64]time.Time{}
	}
	st.longer[n] = now.Add(by)
}

func (st *stream) forgetLonger(set numbers) {
	for n := range st.longer {
		if set.has(n) {
			delete(st.longer, n)
		}
	}
}
