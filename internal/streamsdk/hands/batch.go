package hands

import (
	"cmp"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// Batch is events that are handed out together.
type Batch struct {
	lease int
	epoch uint64
	parts []batchPart
	count int

	events []batchEvents
	self   []*Batch // it alone

	open    []*request // in which something is said of its events, not answered
	refused error      // the first one
}

type batchPart struct {
	part
	st *stream
}

// batchEvents is the events of one stream.
type batchEvents struct {
	st  *stream
	set numbers
	at  time.Time // when they were handed out, delivered or extended last
}

// Ready reports whether there is a batch to be handed out.
func (h *Hands) Ready() bool {
	switch {
	case h.running != nil || h.waiting.events == 0 || h.end != goOn:
		return false
	case h.idle, h.exhausted(), h.waiting.bytes >= h.batchBytes():
		return true
	case h.cfg.Each:
		return h.fullOfEach()
	}
	return h.waiting.events >= h.cfg.Count
}

// fullOfEach reports whether each stream has its share, or one has enough for two
// batches.
func (h *Hands) fullOfEach() bool {
	full := true
	for _, st := range h.streams {
		if st.waiting >= 2*h.cfg.Count {
			return true
		}
		full = full && st.waiting >= h.cfg.Count
	}
	return full
}

// batchBytes bounds a batch, so that the next one has room beside it.
func (h *Hands) batchBytes() int {
	if h.cfg.NoPrefetch {
		return h.cfg.MaxBytes
	}
	return max(h.cfg.MaxBytes/2, 1)
}

// Take hands out a batch. It must be Ready.
func (h *Hands) Take() *Batch {
	b := &Batch{lease: h.lease, epoch: h.epoch}
	b.self = []*Batch{b}
	wants := h.shares()
	bytes := h.batchBytes()
	h.turn++
	for i := range h.streams { // streams take turns in being the first, in case of large events
		i = (i + h.turn) % len(h.streams)
		if wants[i] > 0 {
			bytes -= h.takeFrom(b, h.streams[i], wants[i], bytes)
		}
	}
	slices.SortStableFunc(b.parts, func(x, y batchPart) int { return cmp.Compare(x.st.place, y.st.place) })
	h.running = b
	return b
}

// shares is how many events of each stream a batch has: equally many, and what others
// leave.
func (h *Hands) shares() []int {
	wants := make([]int, len(h.streams))
	order := make([]int, len(h.streams))
	for i, st := range h.streams {
		wants[i], order[i] = min(st.waiting, h.cfg.Count), i
	}
	if h.cfg.Each {
		return wants
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(wants[i], wants[j]) })
	left := h.cfg.Count
	for n, i := range order {
		streams := len(order) - n
		wants[i] = min(wants[i], (left+streams-1)/streams)
		left -= wants[i]
	}
	return wants
}

// takeFrom takes events of a stream and returns their bytes.
func (h *Hands) takeFrom(b *Batch, st *stream, want, bytes int) (taken int) {
	events := batchEvents{st: st}
	used := 0
	for want > 0 && used < len(st.parts) {
		p := &st.parts[used]
		head := p.cut(want, bytes-taken, b.count == 0)
		if head.count == 0 {
			break
		}
		if p.count == 0 {
			used++
		}
		if events.at.IsZero() || head.at.Before(events.at) {
			events.at = head.at
		}
		want -= head.count
		taken += len(head.records)
		b.parts = append(b.parts, batchPart{head, st})
		b.count += head.count
		events.set = events.set.add(head.span())
		h.hand(st, head)
	}
	st.parts = slices.Delete(st.parts, 0, used)
	if len(events.set) > 0 {
		b.events = append(b.events, events)
	}
	return taken
}

// hand notes that waiting events are worked on now.
func (h *Hands) hand(st *stream, p part) {
	a := amount{p.count, len(p.records)}
	st.waiting -= p.count
	h.waiting, h.worked = h.waiting.minus(a), h.worked.plus(a)
	st.held = st.held.add(p.span())
}

// of is a batch's events of a stream; nil if it has none.
func (b *Batch) of(st *stream) *batchEvents {
	for i := range b.events {
		if b.events[i].st == st {
			return &b.events[i]
		}
	}
	return nil
}

// Count is how many events it has.
func (b *Batch) Count() int { return b.count }

// Lease is the lease under which it was handed out; see Hands.Lease.
func (b *Batch) Lease() int { return b.lease }

// Decode decodes the events, which what is said of them goes to. It may be called once.
// Those that cannot be decoded are left out, and returned as bad.
func (b *Batch) Decode(d *wire.Decoder, to eventnode.Settler) (events, bad []*eventnode.StreamDelivery) {
	all := make([]eventnode.StreamDelivery, b.count)
	events = make([]*eventnode.StreamDelivery, 0, b.count)
	var ev eventnode.Delivery
	n := 0
	for i := range b.parts {
		p := &b.parts[i]
		at, rest := p.first, p.records
		for k := range p.count {
			rest = d.Next(&ev, rest)
			all[n] = eventnode.NewStreamDelivery(eventnode.StreamEvent{
				Stream: p.st.name, Position: at, Number: p.number + uint64(k), Topics: ev.Topics, Event: ev.Event,
			}, p.deliveries, b.epoch, to)
			if ev.Gap == nil {
				events = append(events, &all[n])
			} else {
				bad = append(bad, &all[n])
			}
			at.Seq++
			n++
		}
		p.page.decoded(p.count, d.Shared())
	}
	b.parts = nil
	return events, bad
}

// decoded counts decoded events, and has the memory used again after the last one.
func (p *page) decoded(n int, kept bool) {
	p.left -= n
	if p.kept = p.kept || kept; p.left == 0 && !p.kept {
		p.piece.Release()
	}
}
