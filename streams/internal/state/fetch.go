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

// Fetched is what a Fetch handed out from one stream.
type Fetched struct {
	// Stream is its number.
	Stream uint64
	// Deliveries are the events, in the order of their numbers.
	Deliveries []Delivery
	// Lost are events that are gone before the group was handed them, or was handed
	// them again: each is told once.
	Lost ranges.Set
	// AckWaitMS is after what time they are delivered again.
	AckWaitMS uint64
	// Keyed says that events of a key are to keep their order.
	Keyed bool
}

// Count is how many events were handed out.
func (f Fetched) Count() (n uint64) {
	for _, d := range f.Deliveries {
		n += d.Events.Count()
	}
	return n
}

// Delivery is events that were handed out equally often.
type Delivery struct {
	Events ranges.Set
	// Deliveries counts this one.
	Deliveries uint32
}

// fetching is a Fetch from one stream.
type fetching struct {
	g    *group
	c    *consumer
	want uint64 // events
	out  Fetched

	took map[uint32]slotted // what is handed out, by deliveries
}

// fetch hands out events from one stream or several.
func (t *turn) fetch(c *storagev1.Fetch) ([]Fetched, error) {
	switch {
	case c.GetMaxEvents() == 0:
		return nil, invalid("a fetch of no events: ask for one at least")
	case c.GetConsumer() == 0:
		return nil, invalid("consumers are numbered from 1 on")
	case len(c.GetLeases()) == 0:
		return nil, invalid("a fetch from no stream")
	}
	var all []*fetching
	for i, l := range c.GetLeases() {
		if slices.ContainsFunc(c.GetLeases()[:i], func(o *storagev1.StreamLease) bool { return o.GetStream() == l.GetStream() }) {
			return nil, invalid("a fetch from stream %d twice", l.GetStream())
		}
		g, co, err := t.leased(l.GetStream(), c.GetGroup(), c.GetConsumer(), l.GetEpoch())
		if err != nil {
			return nil, err
		}
		all = append(all, &fetching{g: g, c: co, want: g.most(co, c.GetMaxBytes()), out: Fetched{Stream: l.GetStream(), AckWaitMS: g.row.GetConfig().GetAckWaitMs(), Keyed: g.row.GetConfig().GetKeyed()}})
	}
	if !c.GetEach() {
		share(all, uint64(c.GetMaxEvents()))
	}
	var out []Fetched
	for _, f := range all {
		f.want = min(f.want, uint64(c.GetMaxEvents()), MaxFetch)
		if err := t.fetchFrom(f); err != nil {
			return nil, err
		}
		if len(f.out.Deliveries)+len(f.out.Lost) > 0 {
			out = append(out, f.out)
		}
	}
	return out, nil
}

// most is how many events there are for a consumer, at most, of so many bytes.
func (g *group) most(c *consumer, bytes uint64) uint64 {
	there := c.row.GetOld() + g.row.GetReady() + g.row.GetSkipped()
	next := max(g.row.GetNext(), g.head.GetFirst())
	there += g.head.GetLast() + 1 - min(next, g.head.GetLast()+1)
	if count := countOf(g.head); bytes > 0 && count > 0 {
		mean := max(g.head.GetBytes()/count, 1)
		there = min(there, max(bytes/mean, 1))
	}
	return there
}

// share gives each stream an equal part of so many events, and what others do not
// need of theirs.
func share(all []*fetching, left uint64) {
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b *fetching) int { return cmp.Compare(a.want, b.want) })
	for i, f := range order {
		streams := uint64(len(order) - i)
		f.want = min(f.want, (left+streams-1)/streams)
		left -= f.want
	}
}

// fetchFrom hands out from one stream.
func (t *turn) fetchFrom(f *fetching) error {
	f.took = map[uint32]slotted{}
	first := f.g.head.GetFirst()
	if next := f.g.row.GetNext(); next < first {
		f.out.Lost = ranges.Of(next, first-1)
		f.g.row.Next, f.g.dirty, f.g.moved = first, true, true
	}
	fetch := t.fetchPlain
	if f.g.row.GetConfig().GetKeyed() {
		fetch = t.fetchKeyed
	}
	if err := fetch(f); err != nil {
		return err
	}
	return t.hand(f)
}

// fetchPlain takes what comes again, and then what is new.
func (t *turn) fetchPlain(f *fetching) error {
	if err := t.takeAgain(f, f.c.row.GetOld(), f.c.number, f.c.row.GetEpoch()); err != nil {
		return err
	}
	if err := t.takeAgain(f, f.g.row.GetReady(), 0, 1); err != nil {
		return err
	}
	fresh, err := t.fresh(f.g.stream, f.g.row.GetNext(), f.want)
	if err != nil || len(fresh) == 0 {
		return err
	}
	f.add(0, slotted{set: fresh})
	f.g.row.Next = fresh.Last() + 1
	f.g.dirty, f.g.moved = true, true
	return nil
}

// add hands out what was handed out so often before.
func (f *fetching) add(before uint32, events slotted) {
	if len(events.set) > 0 {
		f.took[before+1] = f.took[before+1].and(events)
		f.want -= events.set.Count()
	}
}

// count is how many events were taken.
func (f *fetching) count() (n uint64) {
	for _, events := range f.took {
		n += events.set.Count()
	}
	return n
}

// takeAgain takes rows whose turn it is, if there are any.
func (t *turn) takeAgain(f *fetching, there uint64, consumer uint32, below uint64) error {
	if there == 0 || f.want == 0 {
		return nil
	}
	for left := t.bounds.rows; left > 0 && f.want > 0; {
		firsts, err := t.turns(f.g, consumer, below, int(min(f.want, uint64(left))))
		if err != nil || len(firsts) == 0 {
			return err
		}
		left -= len(firsts)
		rows, err := t.mustHave(f.g, firsts)
		if err != nil {
			return err
		}
		if err := t.takeRows(f, rows); err != nil {
			return err
		}
	}
	return nil
}

// takeRows takes rows, the last one in part if it has too many. What is lost of them
// goes.
func (t *turn) takeRows(f *fetching, rows []pending) error {
	for _, p := range rows {
		alive, err := t.alive(f, p.set)
		if err != nil {
			return err
		}
		part, rest := alive.Take(f.want)
		if err := t.take(f.g, p); err != nil {
			return err
		}
		if err := t.put(f.g, p.part(rest)); err != nil {
			return err
		}
		f.add(p.GetDeliveries(), slotted{set: part})
		if f.want == 0 {
			break
		}
	}
	return nil
}

// alive is the events of a set that are still there; it tells of those that are not.
func (t *turn) alive(f *fetching, set ranges.Set) (ranges.Set, error) {
	lost, alive := set.Split(ranges.Of(0, f.g.head.GetFirst()-1))
	if f.g.head.GetGone() > 0 && len(alive) > 0 {
		holes, err := t.view().holes(f.g.stream.row.GetId(), alive.First(), alive.Last())
		if err != nil {
			return nil, &storeError{err}
		}
		var dropped ranges.Set
		dropped, alive = alive.Split(holes)
		lost = ranges.Union(lost, dropped)
	}
	f.out.Lost = ranges.Union(f.out.Lost, lost)
	return alive, nil
}

// fresh is the next events from a number on, at most so many.
func (t *turn) fresh(s *stream, next, most uint64) (ranges.Set, error) {
	last := s.head.GetLast()
	if next > last || most == 0 {
		return nil, nil
	}
	if s.head.GetGone() == 0 {
		return ranges.Of(next, min(last, next+most-1)), nil
	}
	var all ranges.Set
	for most > 0 && next <= last {
		to := min(last, next+most-1)
		holes, err := t.view().holes(s.row.GetId(), next, to)
		if err != nil {
			return nil, &storeError{err}
		}
		_, there := ranges.Of(next, to).Split(holes)
		all, most = ranges.Union(all, there), most-there.Count()
		next = max(to, holes.Last()) + 1
	}
	return all, nil
}

// hand puts what was taken into the consumer's hands.
func (t *turn) hand(f *fetching) error {
	for _, n := range slices.Sorted(maps.Keys(f.took)) {
		set := f.took[n].set
		row := &storagev1.PendingRow{
			State: held, Consumer: f.c.number, Epoch: f.c.row.GetEpoch(), Deliveries: n,
			DeliveredMs: t.now, DueMs: t.after(f.g.row.GetConfig().GetAckWaitMs()), KeySlots: f.took[n].slots,
		}
		if err := t.put(f.g, pending{row, set}); err != nil {
			return err
		}
		f.out.note(n, set)
		f.g.row.DeliveredMs, f.g.row.Delivered = t.now, max(f.g.row.GetDelivered(), set.Last())
	}
	f.out.sort()
	return nil
}

// note adds events that were handed out so often.
func (f *Fetched) note(deliveries uint32, set ranges.Set) {
	for _, r := range set {
		f.Deliveries = append(f.Deliveries, Delivery{ranges.Of(r.From, r.To), deliveries})
	}
}

// sort puts events into the order of their numbers, as few deliveries as that takes.
func (f *Fetched) sort() {
	slices.SortFunc(f.Deliveries, func(a, b Delivery) int { return cmp.Compare(a.Events.First(), b.Events.First()) })
	all := f.Deliveries
	f.Deliveries = nil
	for _, d := range all {
		if n := len(f.Deliveries); n > 0 && f.Deliveries[n-1].Deliveries == d.Deliveries {
			last := &f.Deliveries[n-1]
			last.Events = last.Events.Add(d.Events.First(), d.Events.Last())
			continue
		}
		f.Deliveries = append(f.Deliveries, d)
	}
}

// view reads what this turn has written.
func (t *turn) view() View { return View{t.batch, t.keys} }

// holes are the numbers from one on that are gone, as holes that begin up to another
// one: the last of them may end behind it.
func (v View) holes(id, from, to uint64) (set ranges.Set, err error) {
	h, found, err := v.holeAt(id, from)
	if err != nil {
		return nil, err
	}
	if found {
		set = ranges.Of(from, h.To)
	}
	for e, err := range v.r.Scan(v.keys.gone(id, from), v.keys.gone(id, to+1), engine.Ascending) {
		if err != nil {
			return nil, fmt.Errorf("read holes of stream %d: %w", id, err)
		}
		h, err := decodeHole(e)
		if err != nil {
			return nil, err
		}
		set = set.Add(h.From, h.To)
	}
	return set, nil
}
