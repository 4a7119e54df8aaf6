package state

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"

	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// KeySlots is how many key slots there are, from 1 on; 0 is that of events without a key.
const KeySlots = 4096

// slotted is events with their key slots, slotBytes each, in the order of their numbers.
// Without any slots they have no keys.
type slotted struct {
	set   ranges.Set
	slots []byte
}

// all ranges over the events and their key slots.
func (s slotted) all() iter.Seq2[uint64, uint16] {
	return func(yield func(uint64, uint16) bool) {
		for i, n := range s.set.All() {
			if !yield(n, slotAt(s.slots, i)) {
				return
			}
		}
	}
}

// push adds an event behind all others.
func (s *slotted) push(number uint64, slot uint16) {
	s.set = s.set.Add(number, number)
	s.slots = binary.BigEndian.AppendUint16(s.slots, slot)
}

// and is the events of both, none of which is in the other. It may use the memory of s.
func (s slotted) and(o slotted) slotted {
	switch {
	case len(s.set) == 0:
		return o
	case len(o.set) == 0:
		return s
	case len(s.slots)+len(o.slots) == 0:
		return slotted{set: ranges.Union(s.set, o.set)}
	case s.set.Last() < o.set.First():
		return slotted{ranges.Union(s.set, o.set), append(s.bytes(), o.bytes()...)}
	}
	type event struct {
		number uint64
		slot   uint16
	}
	var events []event
	for _, part := range []slotted{s, o} {
		for n, slot := range part.all() {
			events = append(events, event{n, slot})
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.number, b.number) })
	var both slotted
	for _, e := range events {
		both.push(e.number, e.slot)
	}
	return both
}

// bytes is the key slots, those that are not there being 0.
func (s slotted) bytes() []byte {
	if len(s.slots) == 0 {
		return make([]byte, slotBytes*s.set.Count())
	}
	return s.slots
}

// only is those of the events that are in a set.
func (s slotted) only(set ranges.Set) slotted {
	inside, _ := s.set.Split(set)
	out := slotted{set: inside}
	if len(s.slots) == 0 {
		return out
	}
	out.slots = make([]byte, 0, slotBytes*inside.Count())
	at := 0 // in s.slots
	for _, r := range s.set {
		for len(inside) > 0 && inside[0].From <= r.To {
			from, to := at+slotBytes*int(inside[0].From-r.From), at+slotBytes*int(inside[0].To-r.From+1)
			out.slots = append(out.slots, s.slots[from:to]...)
			inside = inside[1:]
		}
		at += slotBytes * int(r.To-r.From+1)
	}
	return out
}

// slotAt is the key slot of the i-th event; 0 if there are no slots.
func slotAt(b []byte, i int) uint16 {
	if len(b) == 0 {
		return 0
	}
	return binary.BigEndian.Uint16(b[slotBytes*i:])
}

// slot is an event's key slot as it is stored; nil if the chunk has none.
func (c chunkHead) slot(number uint64) []byte {
	if len(c.keySlots) < slotBytes*int(c.count) {
		return nil
	}
	i := slotBytes * int(number-c.first)
	return c.keySlots[i : i+slotBytes : i+slotBytes]
}
