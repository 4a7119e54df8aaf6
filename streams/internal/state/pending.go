package state

import (
	"fmt"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// Pending entries that share a fate are one row, whatever their number: those of one
// fetch, as a rule. A row is
//
//	held      in the hands of a consumer, until its ack wait is over
//	ready     for whoever fetches next
//	waiting   until a nack's delay is over
//	dying     on the way to the dead letters
//
// and its key is its first number. Each number that is pending is in one row. With a
// row go at most two others without content: one to find it by whose turn it is
// (held, ready), one by its time (held, waiting, dying). A part of a row that is
// settled leaves it; so a row may have holes, and rows may be interleaved.

const (
	// MaxFetch bounds the events that one Fetch hands out from one stream.
	MaxFetch = 4096
	// maxSpan bounds how far the last number of a row is from its first one, so that
	// the row of a number is found by looking back so far.
	maxSpan = 8192
)

// pending is a row of pending entries.
type pending struct {
	*storagev1.PendingRow
	set ranges.Set
}

// The states, as they are called above.
const (
	held    = storagev1.PendingState_PENDING_STATE_HELD
	ready   = storagev1.PendingState_PENDING_STATE_READY
	waiting = storagev1.PendingState_PENDING_STATE_WAITING
	dying   = storagev1.PendingState_PENDING_STATE_DYING
)

// decodePending reads a row.
func decodePending(e engine.Entry) (pending, error) {
	p := pending{PendingRow: &storagev1.PendingRow{}}
	err := decodeRow(e.Key, e.Value, p.PendingRow)
	if err == nil {
		p.set, err = decodeRanges(e.Key, p.GetRanges())
	}
	if err == nil && (p.set.First() != lastNumber(e.Key) || p.set.Last()-p.set.First() >= maxSpan) {
		err = damaged("row %x: it is of %v", e.Key, p.set)
	}
	if n := len(p.GetKeySlots()); err == nil && n != 0 && uint64(n) != slotBytes*p.set.Count() {
		err = damaged("row %x: %d bytes of key slots for %d events", e.Key, n, p.set.Count())
	}
	if err == nil && (p.GetState() < held || p.GetState() > dying) {
		err = damaged("row %x: state %d", e.Key, p.GetState())
	}
	if err != nil {
		return p, &storeError{unwrap(err)}
	}
	return p, nil
}

// pendingAt reads the row that begins with a number; false if there is none.
func (t *turn) pendingAt(g *group, first uint64) (p pending, found bool, err error) {
	id, number := g.id()
	key := t.keys.pending(id, number, first)
	found, err = t.batch.Get(key, func(v []byte) (err error) {
		p, err = decodePending(engine.Entry{Key: key, Value: v})
		return err
	})
	if err != nil {
		err = &storeError{fmt.Errorf("read what is pending in group %q: %w", g.name, unwrap(err))}
	}
	return p, found, err
}

// part is a row like p with some of its numbers.
func (p pending) part(set ranges.Set) pending {
	row := &storagev1.PendingRow{
		State: p.GetState(), Consumer: p.GetConsumer(), Epoch: p.GetEpoch(), Deliveries: p.GetDeliveries(),
		DeliveredMs: p.GetDeliveredMs(), DueMs: p.GetDueMs(), Reason: p.GetReason(),
	}
	row.KeySlots = p.slotted().only(set).slots
	return pending{row, set}
}

// slotted is the row's events with their key slots.
func (p pending) slotted() slotted { return slotted{p.set, p.GetKeySlots()} }

// put writes a row, and counts it. A set that is spread too far becomes several.
func (t *turn) put(g *group, p pending) error {
	if len(p.set) == 0 {
		return nil
	}
	if p.set.Last()-p.set.First() >= maxSpan {
		for _, set := range p.set.Spans(maxSpan) {
			if err := t.put(g, p.part(set)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := t.countPending(g, p, more); err != nil {
		return err
	}
	id, number := g.id()
	first := p.set.First()
	if turn := t.turnOf(g, p); turn != nil {
		t.batch.Set(turn)
	}
	if p.GetDueMs() > 0 {
		t.batch.Set(t.keys.wakePending(p.GetDueMs(), id, number, first))
	}
	p.Ranges = p.set.Encode()
	t.wokeBy(g, p)
	return t.store(t.keys.pending(id, number, first), p.PendingRow)
}

// take removes a row, and counts it.
func (t *turn) take(g *group, p pending) error {
	id, number := g.id()
	first := p.set.First()
	if g.row.GetConfig().GetKeyed() {
		t.woke(id, g.name) // what its key slots held back
	}
	t.batch.Delete(t.keys.pending(id, number, first))
	if turn := t.turnOf(g, p); turn != nil {
		t.batch.Delete(turn)
	}
	if p.GetDueMs() > 0 {
		t.batch.Delete(t.keys.wakePending(p.GetDueMs(), id, number, first))
	}
	return t.countPending(g, p, less)
}

// turnOf is the key by which a row is found for the one whose turn it is; nil if it
// is nobody's.
func (t *turn) turnOf(g *group, p pending) []byte {
	id, number := g.id()
	switch p.GetState() {
	case held:
		return t.keys.turn(id, number, p.GetConsumer(), p.GetEpoch(), p.set.First())
	case ready:
		return t.keys.turn(id, number, 0, 0, p.set.First())
	default:
		return nil
	}
}

// more and less are what counting does with a count.
func more(to *uint64, n uint64) { *to += n }
func less(to *uint64, n uint64) { *to -= n }

// countPending counts a row that comes or goes.
func (t *turn) countPending(g *group, p pending, do func(*uint64, uint64)) error {
	n := p.set.Count()
	g.dirty, g.moved = true, true
	do(&g.row.Pending, n)
	switch p.GetState() {
	case held:
		c, err := t.consumer(g, p.GetConsumer())
		if err != nil {
			return err
		}
		do(&c.row.Pending, n)
		if p.GetEpoch() != c.row.GetEpoch() {
			do(&c.row.Old, n)
		}
		g.touch(c)
	case ready:
		do(&g.row.Ready, n)
	default:
		do(&g.row.Waiting, n)
	}
	return nil
}

// turns are the first numbers of rows whose turn it is, in the order of older epochs
// first, of at most so many rows.
func (t *turn) turns(g *group, consumer uint32, below uint64, most int) (firsts []uint64, err error) {
	id, number := g.id()
	from := uint64(0)
	if consumer == 0 { // all of one epoch: do not begin before all rows that were deleted: they cost time
		from = g.low
	}
	for e, err := range t.batch.Scan(t.keys.turn(id, number, consumer, 0, from), t.keys.turn(id, number, consumer, below, 0), engine.Ascending) {
		if err != nil {
			return nil, &storeError{fmt.Errorf("read whose turn it is in group %q: %w", g.name, err)}
		}
		if len(firsts) == most {
			break
		}
		firsts = append(firsts, lastNumber(e.Key))
	}
	return firsts, nil
}

// mustHave reads rows that a turn's row stands for.
func (t *turn) mustHave(g *group, firsts []uint64) (rows []pending, err error) {
	for _, first := range firsts {
		p, found, err := t.pendingAt(g, first)
		if err == nil && !found {
			err = &storeError{damaged("group %q of stream %q: event %d is to be delivered and not pending", g.name, g.stream.name(), first)}
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, p)
	}
	return rows, nil
}
