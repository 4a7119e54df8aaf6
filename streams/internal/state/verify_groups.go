package state

import (
	"math"
	"slices"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// holes are those of a stream, as they are come by.
type holes struct {
	set  ranges.Set
	used int
}

// past is the number behind the hole that begins with one; the same if none does.
func (h *holes) past(next uint64) uint64 {
	if h.used < len(h.set) && h.set[h.used].From == next {
		h.used++
		return h.set[h.used-1].To + 1
	}
	return next
}

// holes reads those of a stream: they are behind its first event, do not touch, and
// are as many events as it says.
func (c *verifier) holes(id uint64, head *storagev1.StreamState) *holes {
	h := &holes{}
	var n uint64
	before := c.told
	c.rows(kindGone, id, func(e engine.Entry) error {
		r, err := decodeHole(e)
		if err == nil && (r.From <= head.GetFirst() || r.To > head.GetLast() || len(h.set) > 0 && r.From <= h.set.Last()+1) {
			err = damaged("stream %d: a hole from %d to %d, behind %d, in events %d to %d", id, r.From, r.To, h.set.Last(), head.GetFirst(), head.GetLast())
		}
		if err == nil {
			h.set = append(h.set, r)
			n += r.To - r.From + 1
		}
		return err
	})
	if c.told == before && c.stopped == nil && n != head.GetGone() {
		c.found(damaged("stream %d: %d events are in holes, there should be %d", id, n, head.GetGone()))
	}
	return h
}

// groups looks at the consumer groups of a stream, each with all that it has.
func (c *verifier) groups(id uint64, row *storagev1.StreamRow, head *storagev1.StreamState) {
	var names []string
	var numbers []uint64
	before := c.told
	c.rows(kindGroup, id, func(e engine.Entry) error {
		g := &storagev1.GroupRow{}
		if err := decodeRow(e.Key, e.Value, g); err != nil {
			return err
		}
		name := string(e.Key[keyPrefix+8:])
		names, numbers = append(names, name), append(numbers, g.GetId())
		return c.group(id, name, g, head)
	})
	slices.Sort(numbers)
	if c.told == before && c.stopped == nil && !slices.Equal(names, row.GetConfig().GetGroups()) {
		c.found(damaged("stream %d has the groups %q, and rows of %q", id, row.GetConfig().GetGroups(), names))
	}
	for _, kd := range []kind{kindFloor, kindGroupName} {
		if n := c.rows(kd, id, func(engine.Entry) error { return nil }); c.told == before && c.stopped == nil && n != uint64(len(names)) {
			c.found(damaged("stream %d: %d rows of kind %d for %d groups", id, n, kd, len(names)))
		}
	}
	next := uint64(0)
	for _, number := range append(numbers, math.MaxUint64) {
		for _, kd := range ofGroup() {
			c.each(c.keys.pair(kd, id, next), c.keys.pair(kd, id, number), func(e engine.Entry) error {
				return damaged("row %x belongs to a group that is not there", e.Key)
			})
		}
		next = number + 1
	}
}

// tally counts what a group has.
type tally struct {
	sets        []ranges.Set
	count       uint64     // of all sets
	all         ranges.Set // their union
	ready, wait uint64
	turns       uint64
	consumers   map[uint32]*storagev1.ConsumerRow
	held, old   map[uint32]uint64
}

// group looks at one group.
func (c *verifier) group(id uint64, name string, g *storagev1.GroupRow, head *storagev1.StreamState) error {
	number := g.GetId()
	n := tally{consumers: map[uint32]*storagev1.ConsumerRow{}, held: map[uint32]uint64{}, old: map[uint32]uint64{}}
	before := c.told
	c.ofGroup(kindConsumer, id, number, func(e engine.Entry) error {
		row := &storagev1.ConsumerRow{}
		n.consumers[consumerNumber(e.Key)] = row
		return decodeRow(e.Key, e.Value, row)
	})
	c.ofGroup(kindPending, id, number, func(e engine.Entry) error { return c.pending(id, number, e, &n) })
	turns := c.ofGroup(kindTurn, id, number, func(engine.Entry) error { return nil })
	skipped := c.skipped(id, number)
	if c.told != before || c.stopped != nil {
		return nil
	}
	n.all = ranges.Union(n.sets...)
	floor := max(g.GetNext(), 1)
	for _, set := range []ranges.Set{n.all, skipped} {
		if len(set) > 0 {
			floor = min(floor, set.First())
		}
	}
	both, _ := skipped.Split(n.all)
	switch {
	case n.all.Count() != n.count:
		return damaged("group %q of stream %d: of %v some are pending twice", name, id, n.all)
	case turns != n.turns:
		return damaged("group %q of stream %d: %d rows say whose turn it is, there should be %d", name, id, turns, n.turns)
	case n.all.Count() != g.GetPending() || n.ready != g.GetReady() || n.wait != g.GetWaiting() || skipped.Count() != g.GetSkipped() || len(n.consumers) != int(g.GetConsumers()):
		return damaged("group %q of stream %d: %d pending, %d ready, %d waiting, %d passed over, %d consumers; it says %d, %d, %d, %d, %d",
			name, id, n.all.Count(), n.ready, n.wait, skipped.Count(), len(n.consumers), g.GetPending(), g.GetReady(), g.GetWaiting(), g.GetSkipped(), g.GetConsumers())
	case len(both) > 0 || n.all.Last() >= floorOr(g.GetNext(), n.all) || skipped.Last() >= floorOr(g.GetNext(), skipped) || g.GetNext() > head.GetLast()+1:
		return damaged("group %q of stream %d: %v are pending and %v passed over, before %d of %d", name, id, n.all, skipped, g.GetNext(), head.GetLast())
	case g.GetFloor() < head.GetFloor():
		return damaged("group %q of stream %d has the floor %d, and the lowest one is to be %d", name, id, g.GetFloor(), head.GetFloor())
	case floor != g.GetFloor() || number > head.GetLastGroup():
		return damaged("group %q of stream %d is number %d of %d, with the floor %d: it should be %d", name, id, number, head.GetLastGroup(), g.GetFloor(), floor)
	}
	return c.groupRows(id, name, g, n)
}

// floorOr is a number that a set must be below; beyond all if it is empty.
func floorOr(next uint64, set ranges.Set) uint64 {
	if len(set) == 0 {
		return math.MaxUint64
	}
	return next
}

// groupRows looks at the rows that lead to a group, and at what its consumers have.
func (c *verifier) groupRows(id uint64, name string, g *storagev1.GroupRow, n tally) error {
	var back string
	if _, err := c.r.Get(c.keys.groupName(id, g.GetId()), func(v []byte) error { back = string(v); return nil }); err != nil {
		return err
	}
	found, err := c.r.Get(c.keys.floor(id, g.GetFloor(), g.GetId()), func([]byte) error { return nil })
	if err != nil || !found || back != name {
		return damaged("group %q of stream %d: its number stands for %q, its floor is there: %v, %v", name, id, back, found, err)
	}
	for number := range n.held {
		if n.consumers[number] == nil {
			return damaged("consumer %d of group %q of stream %d has something in hand, and is not there", number, name, id)
		}
	}
	for number, row := range n.consumers {
		if row.GetPending() != n.held[number] || row.GetOld() != n.old[number] || row.GetPending() == 0 && len(row.GetHolder()) == 0 {
			return damaged("consumer %d of group %q of stream %d has %d in hand, %d of old: it says %v", number, name, id, n.held[number], n.old[number], row)
		}
	}
	return nil
}

// ofGroup visits rows of a group, and returns how many there are.
func (c *verifier) ofGroup(kd kind, id, number uint64, visit func(engine.Entry) error) (n uint64) {
	c.each(c.keys.pair(kd, id, number), c.keys.pair(kd, id, number+1), func(e engine.Entry) error {
		n++
		return visit(e)
	})
	return n
}

// pending looks at one row of pending entries: those that go with it are there.
func (c *verifier) pending(id, group uint64, e engine.Entry, n *tally) error {
	p, err := decodePending(e)
	if err != nil {
		return err
	}
	n.sets = append(n.sets, p.set)
	n.count += p.set.Count()
	var keys [][]byte
	switch p.GetState() {
	case held:
		n.held[p.GetConsumer()] += p.set.Count()
		if row := n.consumers[p.GetConsumer()]; row.GetEpoch() != p.GetEpoch() {
			n.old[p.GetConsumer()] += p.set.Count()
		}
		keys = append(keys, c.keys.turn(id, group, p.GetConsumer(), p.GetEpoch(), p.set.First()))
		n.turns++
	case ready:
		n.ready += p.set.Count()
		keys = append(keys, c.keys.turn(id, group, 0, 0, p.set.First()))
		n.turns++
	default:
		n.wait += p.set.Count()
	}
	if (p.GetDueMs() == 0) != (p.GetState() == ready) {
		return damaged("row %x is in state %d and due at %d", e.Key, p.GetState(), p.GetDueMs())
	}
	if p.GetDueMs() > 0 {
		keys = append(keys, c.keys.wakePending(p.GetDueMs(), id, group, p.set.First()))
	}
	for _, key := range keys {
		if found, err := c.r.Get(key, func([]byte) error { return nil }); err != nil || !found {
			return damaged("row %x is not there, of pending %v of stream %d: %v", key, p.set, id, err)
		}
	}
	return nil
}

// skipped is what a group has passed over.
func (c *verifier) skipped(id, number uint64) (set ranges.Set) {
	c.ofGroup(kindSkipped, id, number, func(e engine.Entry) (err error) {
		row := &storagev1.SkippedRow{}
		if len(e.Key) != chunkKeySize {
			return damaged("row %x: no group has passed this over", e.Key)
		}
		if err = decodeRow(e.Key, e.Value, row); err == nil {
			set, err = decodeRanges(e.Key, row.GetRanges())
		}
		if err == nil && uint64(len(row.GetKeySlots())) != slotBytes*set.Count() {
			err = damaged("row %x: %d bytes of key slots for %d events", e.Key, len(row.GetKeySlots()), set.Count())
		}
		return err
	})
	return set
}

// wakes looks at what is due. What that is about may be gone.
func (c *verifier) wakes() {
	lower, upper := c.keys.all(kindWake)
	c.each(lower, upper, func(e engine.Entry) error {
		_, err := decodeWake(e.Key)
		return err
	})
}

// locks looks at locks: each ends by a row that is due.
func (c *verifier) locks() {
	lower, upper := c.keys.all(kindLock)
	c.each(lower, upper, func(e engine.Entry) error {
		row := &storagev1.LockRow{}
		if err := decodeRow(e.Key, e.Value, row); err != nil {
			return err
		}
		key := append(c.keys.wake(row.GetUntilMs(), wakeLock), e.Key[keyPrefix:]...)
		if found, err := c.r.Get(key, func([]byte) error { return nil }); err != nil || !found {
			return damaged("lock %q ends at %d, and is not due then: %v", e.Key[keyPrefix:], row.GetUntilMs(), err)
		}
		return nil
	})
}
