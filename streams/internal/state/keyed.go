package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// In a keyed group the events of one key slot are handled one after the other: they
// are in the hands of one consumer at a time, and none is handed out while an earlier
// one waits or is with somebody else. What a fetch must not hand out it passes over,
// and remembers, so many events; who comes next begins with those. Events without a
// key (slot 0) wait for nobody. Key slots are dealt out among the consumers that are
// there, so that each one's events are of slots that nobody else has: consumers that take
// what comes first block each other within a few batches.
//
// Rows of pending entries carry their key slots, and a fetch reads all rows of its
// group, so that there is nothing to be kept in step with them. What is pending in a
// keyed group is bounded for that.

// maxKeyed bounds the pending entries of a keyed group: a fetch hands out nothing new
// beyond.
const maxKeyed = 65_536

// slots is from which number on nothing of a key slot may be handed out; 0: all may.
// Nothing is noted of slot 0.
type slots [KeySlots + 1]uint64

// candidate is an event that may be handed out again.
type candidate struct {
	number uint64
	slot   uint16
	row    int // which of the rows it is in
}

// fetchKeyed takes what comes again, what was passed over, and what is new, as far as
// key slots allow.
func (t *turn) fetchKeyed(f *fetching) error {
	rows, err := t.allPending(f.g)
	if err != nil {
		return err
	}
	sl, again := t.slotsFor(f, rows)
	if err := t.takeKeyed(f, rows, sl, again); err != nil {
		return err
	}
	return t.freshKeyed(f, sl)
}

// allPending is all rows of a group's pending entries.
func (t *turn) allPending(g *group) (rows []pending, err error) {
	if g.row.GetPending() == 0 {
		return nil, nil
	}
	id, number := g.id()
	for e, err := range t.batch.Scan(t.keys.pending(id, number, g.low), t.keys.pair(kindPending, id, number+1), engine.Ascending) {
		if err != nil {
			return nil, &storeError{fmt.Errorf("read what is pending in group %q: %w", g.name, err)}
		}
		p, err := decodePending(e)
		if err != nil {
			return nil, err
		}
		rows = append(rows, p)
	}
	return rows, nil
}

// slotsFor is which slots are held up, and what can be handed out again, in order.
func (t *turn) slotsFor(f *fetching, rows []pending) (*slots, []candidate) {
	sl := &slots{}
	var again []candidate
	for i, p := range rows {
		mine := p.GetState() == held && p.GetConsumer() == f.c.number
		old := mine && p.GetEpoch() != f.c.row.GetEpoch()
		if mine && !old {
			continue
		}
		for number, slot := range p.slotted().all() {
			switch {
			case old || p.GetState() == ready:
				again = append(again, candidate{number, slot, i})
			case p.GetState() == held:
				sl.holdUp(slot, 1) // somebody else is at it
			default:
				sl.holdUp(slot, number)
			}
		}
	}
	slices.SortFunc(again, func(a, b candidate) int { return cmp.Compare(a.number, b.number) })
	return sl, again
}

// holdUp says that an event, and what is behind it in its slot, waits.
func (sl *slots) holdUp(slot uint16, number uint64) {
	if from := &sl[slot%uint16(len(sl))]; slot != 0 && (*from == 0 || number < *from) {
		*from = number
	}
}

// free reports whether an event may be handed out.
func (sl *slots) free(slot uint16, number uint64) bool {
	from := sl[slot%uint16(len(sl))]
	return slot == 0 || from == 0 || number < from
}

// takeKeyed takes events out of rows. Those that are lost go, too.
func (t *turn) takeKeyed(f *fetching, rows []pending, sl *slots, again []candidate) error {
	var all ranges.Set
	for _, c := range again {
		all = all.Add(c.number, c.number)
	}
	alive, err := t.alive(f, all)
	if err != nil {
		return err
	}
	taken, want := map[int]ranges.Set{}, f.want
	for _, c := range again {
		switch there := alive.Has(c.number); {
		case there && (want == 0 || !sl.free(c.slot, c.number)):
			sl.holdUp(c.slot, c.number)
			continue
		case there:
			want--
		}
		taken[c.row] = taken[c.row].Add(c.number, c.number)
	}
	for _, i := range slices.Sorted(maps.Keys(taken)) {
		p := rows[i]
		_, rest := p.set.Split(taken[i])
		if err := t.take(f.g, p); err != nil {
			return err
		}
		if err := t.put(f.g, p.part(rest)); err != nil {
			return err
		}
		part := p.part(taken[i])
		f.add(p.GetDeliveries(), part.slotted().only(alive))
	}
	return nil
}

// skippedRow is the row of what a keyed group has passed over; false: there is none.
func (t *turn) skippedRow(g *group) (row *storagev1.SkippedRow, found bool, err error) {
	id, number := g.id()
	row = &storagev1.SkippedRow{}
	found, err = load(t.batch, t.keys.skipped(id, number), row)
	return row, found, err
}

// skippedOf is what a keyed group has passed over.
func (t *turn) skippedOf(g *group) (slotted, error) {
	row, found, err := t.skippedRow(g)
	if err != nil || !found {
		return slotted{}, err
	}
	id, number := g.id()
	key := t.keys.skipped(id, number)
	set, err := decodeRanges(key, row.GetRanges())
	if err == nil && uint64(len(row.GetKeySlots())) != slotBytes*set.Count() {
		err = &storeError{damaged("row %x: %d bytes of key slots for %d events", key, len(row.GetKeySlots()), set.Count())}
	}
	return slotted{set, row.GetKeySlots()}, err
}

// freshKeyed takes events that nobody was handed yet, in their order: of the consumer's
// own key slots, and only if there are none, of those of others.
func (t *turn) freshKeyed(f *fetching, sl *slots) error {
	g := f.g
	if g.row.GetPending()+f.count() >= maxKeyed {
		f.want = 0
	}
	skipped, err := t.skippedOf(g)
	if err != nil {
		return err
	}
	alive, err := t.alive(f, skipped.set)
	if err != nil {
		return err
	}
	own, err := t.dealt(f)
	if err != nil {
		return err
	}
	before := *sl
	w := &walk{want: f.want, slots: sl, own: own, took: slotted{slots: make([]byte, 0, slotBytes*f.want)}}
	for n, slot := range skipped.only(alive).all() {
		w.visit(n, slot)
	}
	if err := t.walkNew(g, w); err != nil {
		return err
	}
	if w.n+f.count() == 0 {
		w = w.again(&before)
	}
	f.add(0, w.took)
	if len(w.passed.set)+len(skipped.set) == 0 {
		return nil
	}
	return t.setSkipped(g, w.passed)
}

// deal is a consumer's place among those of its group that have a lease, by which the
// key slots are dealt out. So each of them finds its own events among those that others
// passed over, and who handles which keys changes with who is there. It is a preference:
// nobody waits for a consumer that does not come.
type deal struct{ place, of int }

// has reports whether events of a key slot are for the consumer. Those without a key are
// for anybody.
func (d deal) has(slot uint16) bool { return slot == 0 || d.of == 0 || int(slot)%d.of == d.place }

// dealt is what is dealt to who fetches.
func (t *turn) dealt(f *fetching) (d deal, err error) {
	id, number := f.g.id()
	for e, err := range t.batch.Scan(t.keys.consumer(id, number, 0), t.keys.pair(kindConsumer, id, number+1), engine.Ascending) {
		if err != nil {
			return d, &storeError{fmt.Errorf("read consumers of group %q: %w", f.g.name, err)}
		}
		if err := f.g.know(e); err != nil {
			return d, err
		}
	}
	for number, c := range f.g.consumers {
		switch {
		case len(c.row.GetHolder()) == 0:
			continue
		case number < f.c.number:
			d.place++
		}
		d.of++
	}
	return d, nil
}

// walk goes over events in their order, and takes them or passes them over.
type walk struct {
	want   uint64
	slots  *slots
	own    deal
	n      uint64 // of what it took
	took   slotted
	passed slotted
}

func (w *walk) visit(number uint64, slot uint16) {
	if w.n < w.want && w.own.has(slot) && w.slots.free(slot, number) {
		w.n++
		w.took.push(number, slot)
		return
	}
	w.slots.holdUp(slot, number)
	w.passed.push(number, slot)
}

// again goes over what was passed over, whose ever it is.
func (w *walk) again(slots *slots) *walk {
	all := &walk{want: w.want, slots: slots}
	for n, slot := range w.passed.all() {
		all.visit(n, slot)
	}
	return all
}

// walkNew goes over new events until enough were taken or too many passed over.
func (t *turn) walkNew(g *group, w *walk) error {
	full := func() bool { return w.n >= w.want || len(w.passed.slots) >= slotBytes*t.bounds.ahead }
	next, end := g.row.GetNext(), g.head.GetLast()+1
	if full() || next >= end {
		return nil
	}
	id := g.stream.row.GetId()
	first, err := t.firstChunk(id, next)
	if err != nil {
		return err
	}
	for e, err := range t.batch.Scan(t.keys.chunk(id, first), t.keys.chunk(id, end), engine.Ascending) {
		if err != nil {
			return &storeError{fmt.Errorf("read chunks of stream %d: %w", id, err)}
		}
		c, err := decodeChunk(e)
		if err != nil {
			return &storeError{err}
		}
		for next = max(next, c.first); next <= c.last() && !full(); next++ {
			w.visit(next, slotAt(c.slot(next), 0))
		}
		if full() {
			break
		}
	}
	g.row.Next, g.dirty, g.moved = next, true, true
	return nil
}

// firstChunk is the first number of the chunk that a number is in, or of the next one
// if it is in a hole.
func (t *turn) firstChunk(id, number uint64) (uint64, error) {
	h, gone, err := t.view().holeAt(id, number)
	if err != nil || gone {
		return h.To + 1, storeFault(err)
	}
	c, err := chunkAt(t.batch, t.keys, id, number)
	return c.first, storeFault(err)
}

// setSkipped writes what a keyed group has passed over.
func (t *turn) setSkipped(g *group, events slotted) error {
	id, number := g.id()
	g.row.Skipped, g.dirty, g.moved = events.set.Count(), true, true
	if len(events.set) == 0 {
		t.batch.Delete(t.keys.skipped(id, number))
		return nil
	}
	return t.store(t.keys.skipped(id, number), &storagev1.SkippedRow{Ranges: events.set.Encode(), KeySlots: events.slots})
}
