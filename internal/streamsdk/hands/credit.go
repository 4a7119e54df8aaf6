package hands

import eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"

// amount is events and the bytes of their envelopes.
type amount struct{ events, bytes int }

func (a amount) plus(b amount) amount  { return amount{a.events + b.events, a.bytes + b.bytes} }
func (a amount) minus(b amount) amount { return amount{a.events - b.events, a.bytes - b.bytes} }

// The window is divided into four, and credit is whatever is missing:
//
//	window = given and not used + waiting + being worked on + missing
//
// What is said of events changes nothing about that: the handler's return does. In a
// call after a break there is more at first, for events that come again and have no part
// in the window: of which something was said, and which are kept. Else what waited could
// take all of it, and nobody would hear what became of the others.

// window is how much may be in hand, or on its way.
func (h *Hands) window() amount {
	w := amount{h.cfg.Count, h.cfg.MaxBytes}
	if h.cfg.Each {
		w.events *= max(len(h.streams), 1)
	}
	if !h.cfg.NoPrefetch {
		w.events *= 2
	}
	return w
}

// credit is what to give now; nil if there is nothing.
func (h *Hands) credit() *eventnodev1.ConsumerCredit {
	if h.enough || h.end != goOn || h.cfg.NoPrefetch && h.running != nil && h.credited || h.isNacking() {
		return nil
	}
	missing := h.window().minus(h.given).minus(h.waiting).minus(h.worked)
	if !h.credited {
		missing = missing.plus(h.extra)
	}
	missing.events, missing.bytes = max(missing.events, 0), max(missing.bytes, 0)
	if missing == (amount{}) {
		return nil
	}
	h.credited = true
	h.given = h.given.plus(missing)
	h.idle = false
	return &eventnodev1.ConsumerCredit{Events: uint64(missing.events), Bytes: uint64(missing.bytes)}
}

// extraCredit is what may come again in a call beside the window, and one event more: it
// says that all has come.
func (h *Hands) extraCredit() amount {
	beside, inside := 0, 0
	for _, st := range h.streams {
		for _, r := range h.said {
			beside += r.of(st).set.count()
		}
		beside += st.held.count()
		if e := h.workedOn(st); e != nil {
			n := st.inHand(e.set).count()
			beside, inside = beside-n, inside+n
		}
		inside += st.waited.count()
	}
	if beside == 0 {
		return amount{}
	}
	return amount{beside + max(inside-h.window().events, 0) + 1, h.cfg.MaxBytes}
}

// exhausted reports whether nothing more can come.
func (h *Hands) exhausted() bool { return h.given.events <= 0 || h.given.bytes <= 0 }
