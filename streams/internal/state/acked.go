package state

import (
	"encoding/binary"
	"fmt"
	"math"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// Where a stream keeps what is not acked, the lowest floor of its groups is where its
// events begin: what is below goes at the end of the entry in which that floor moved.
//
// One old pending entry holds the floor, not the rest: a sweep, a second later at the
// earliest, looks for chunks behind the first one of which no group has anything
// left, and leaves holes. A hole is a row, so that what is missing can be told from
// what was let go.

// sweepAfterMS is how long acked events in the middle stay at least.
const sweepAfterMS = 1000

// sweepRows bounds the rows of pending entries that one sweep reads.
const sweepRows = 16_384

// letGo lets go what all groups of a stream have acked, up to the first event that
// one has not.
func (t *turn) letGo(s *stream) error {
	cfg := s.row.GetConfig()
	if cfg.GetRetain() != storagev1.Retain_RETAIN_ACKED || len(cfg.GetGroups()) == 0 {
		return nil
	}
	floor, err := t.lowestFloor(s)
	if err != nil {
		return err
	}
	switch first := s.head.GetFirst(); {
	case first >= floor || first > s.head.GetLast():
	case floor <= s.head.GetFrontLast():
		s.head.First, s.dirty = floor, true
	default:
		cut, err := t.dropBelow(s, floor)
		if err != nil || cut {
			return err
		}
	}
	t.sweepLater(s, floor)
	return nil
}

// dropBelow removes the chunks that end below a number, so many as one entry may: cut
// says that there are more, which are due now.
func (t *turn) dropBelow(s *stream, floor uint64) (cut bool, err error) {
	front, err := t.frontOf(s)
	if err != nil {
		return false, &storeError{err}
	}
	id, before := s.row.GetId(), s.head.GetFirst()
	first, last, left := before, uint64(0), t.bounds.acked
	for e, err := range t.batch.Scan(t.keys.chunk(id, front.first), t.keys.chunk(id, floor), engine.Ascending) {
		if err != nil {
			return false, &storeError{fmt.Errorf("read chunks of stream %d: %w", id, err)}
		}
		c, err := decodeChunk(e)
		if err != nil {
			return false, &storeError{err}
		}
		if floor <= c.last() {
			first, last = floor, c.last()
			break
		}
		if left == 0 {
			t.batch.Set(numbers(t.keys.wake(t.now, wakeFront), id))
			cut, first = true, c.first
			break
		}
		left--
		t.batch.Delete(t.keys.chunk(id, c.first))
		s.head.Bytes -= uint64(c.size)
		first = c.last() + 1
	}
	s.head.First, s.head.FrontLast, s.front, s.dirty = first, last, nil, true
	return cut, t.pastHoles(s, before)
}

// pastHoles forgets holes that the stream's first event has come past, and moves that
// one past the hole that it is in.
func (t *turn) pastHoles(s *stream, before uint64) error {
	if s.head.GetGone() == 0 {
		return nil
	}
	id := s.row.GetId()
	holes, err := t.view().holes(id, before, s.head.GetFirst())
	if err != nil {
		return storeFault(err)
	}
	for _, h := range holes {
		t.batch.Delete(t.keys.gone(id, h.From))
		s.head.Gone -= h.To - h.From + 1
		s.head.First = max(s.head.GetFirst(), h.To+1)
	}
	return nil
}

// lowestFloor is the lowest one of a stream's groups, of which there are some. It
// begins with the one that was lowest before: what was deleted below it costs time.
func (t *turn) lowestFloor(s *stream) (uint64, error) {
	id := s.row.GetId()
	for e, err := range t.batch.Scan(t.keys.floor(id, s.head.GetFloor(), 0), t.keys.number(kindFloor, id+1), engine.Ascending) {
		if err != nil {
			return 0, &storeError{fmt.Errorf("read floors of stream %d: %w", id, err)}
		}
		s.dirty = s.dirty || s.head.GetFloor() != floorOfKey(e.Key)
		s.head.Floor = floorOfKey(e.Key)
		return s.head.GetFloor(), nil
	}
	return 0, &storeError{damaged("stream %d has groups without floors", id)}
}

// floorOfKey is the floor in a key: stream, floor, group.
func floorOfKey(key []byte) uint64 { return lastNumber(key[:len(key)-8]) }

// dropChunk removes a chunk. At the front the stream begins behind it, and behind the
// hole after it; elsewhere it leaves a hole.
func (t *turn) dropChunk(s *stream, c chunkHead) error {
	t.batch.Delete(t.keys.chunk(s.row.GetId(), c.first))
	s.head.Bytes -= uint64(c.size)
	s.dirty = true
	if s.head.GetFirst() < c.first {
		return t.hole(s, c.first, c.last())
	}
	before := s.head.GetFirst()
	s.head.First, s.head.FrontLast, s.front = c.last()+1, 0, nil
	return t.pastHoles(s, before)
}

// hole adds a hole, and makes one of those that touch.
func (t *turn) hole(s *stream, from, to uint64) error {
	id := s.row.GetId()
	s.head.Gone += to - from + 1
	s.dirty = true
	h, found, err := t.view().holeAt(id, from-1)
	if err != nil {
		return storeFault(err)
	}
	if found {
		from = h.From
	}
	if h, found, err = t.view().holeAt(id, to+1); err != nil {
		return storeFault(err)
	}
	if found {
		t.batch.Delete(t.keys.gone(id, h.From))
		to = h.To
	}
	t.batch.Set(t.keys.gone(id, from), binary.BigEndian.AppendUint64(nil, to))
	return nil
}

// storeFault marks an error as one of the store; nil stays nil.
func storeFault(err error) error {
	if err == nil || fault(err) != nil {
		return err
	}
	return &storeError{err}
}

// holeAt is the hole that a number is in.
func (v View) holeAt(id, number uint64) (ranges.Range, bool, error) {
	for e, err := range v.r.Scan(v.keys.gone(id, 0), v.keys.gone(id, number+1), engine.Descending) {
		if err != nil {
			return ranges.Range{}, false, fmt.Errorf("read holes of stream %d: %w", id, err)
		}
		h, err := decodeHole(e)
		return h, err == nil && h.To >= number, err
	}
	return ranges.Range{}, false, nil
}

func decodeHole(e engine.Entry) (ranges.Range, error) {
	if len(e.Key) != chunkKeySize || len(e.Value) != 8 {
		return ranges.Range{}, damaged("row %x: no hole", e.Key)
	}
	h := ranges.Range{From: lastNumber(e.Key), To: lastNumber(e.Value)}
	if h.To < h.From || h.To == math.MaxUint64 {
		return h, damaged("row %x: a hole to %d", e.Key, h.To)
	}
	return h, nil
}

// countOf is how many events a stream has.
func countOf(head *storagev1.StreamState) uint64 {
	return head.GetLast() + 1 - head.GetFirst() - head.GetGone()
}

// sweepLater has a sweep look for what was acked behind the lowest floor, if anything
// was.
func (t *turn) sweepLater(s *stream, floor uint64) {
	if s.ackedTo <= floor || s.head.GetSweepMs() > 0 {
		return
	}
	s.head.SweepMs, s.head.SweepFrom, s.dirty = t.after(sweepAfterMS), floor, true
	t.batch.Set(numbers(t.keys.wake(s.head.GetSweepMs(), wakeSweep), s.row.GetId()))
}

// sweep lets go chunks of which no group has anything left, so many as one command
// may, and has the next one go on.
func (t *turn) sweep(s *stream) error {
	from := max(s.head.GetSweepFrom(), s.head.GetFirst())
	s.head.SweepMs, s.head.SweepFrom, s.dirty = 0, 0, true
	if s.row.GetConfig().GetRetain() != storagev1.Retain_RETAIN_ACKED || len(s.row.GetConfig().GetGroups()) == 0 {
		return nil
	}
	holders, end, err := t.holders(s)
	if err != nil || from >= end {
		return err
	}
	chunks, next, err := t.chunksFrom(s, from, end)
	if err != nil || len(chunks) == 0 {
		return err
	}
	left, err := t.leftIn(holders, ranges.Of(chunks[0].first, chunks[len(chunks)-1].last()))
	if err != nil {
		return err
	}
	for _, c := range chunks {
		if inside, _ := ranges.Of(c.first, c.last()).Split(left); len(inside) > 0 {
			continue
		}
		if err := t.dropChunk(s, c); err != nil {
			return err
		}
	}
	if next < end {
		s.head.SweepMs, s.head.SweepFrom = t.after(1), next
		t.batch.Set(numbers(t.keys.wake(s.head.GetSweepMs(), wakeSweep), s.row.GetId()))
	}
	return nil
}

// holders are the groups of a stream which may have something left below the number
// up to which all were handed everything, and that number.
func (t *turn) holders(s *stream) (all []*group, end uint64, err error) {
	id := s.row.GetId()
	end = s.head.GetLast() + 1
	var numbers []uint64
	for e, err := range t.batch.Scan(t.keys.floor(id, s.head.GetFloor(), 0), t.keys.number(kindFloor, id+1), engine.Ascending) {
		if err != nil {
			return nil, 0, &storeError{fmt.Errorf("read floors of stream %d: %w", id, err)}
		}
		if floorOfKey(e.Key) >= end {
			break
		}
		numbers = append(numbers, lastNumber(e.Key))
	}
	for _, number := range numbers {
		g, err := t.numberedGroup(id, number)
		if err == nil && g == nil {
			err = &storeError{damaged("group %d of stream %d has a floor and nothing else", number, id)}
		}
		if err != nil {
			return nil, 0, err
		}
	}
	for _, key := range t.sortedGroups() { // those that this turn has changed, too: their floors are not in the rows yet
		if key.stream == id {
			all = append(all, t.groups[key])
			end = min(end, t.groups[key].row.GetNext())
		}
	}
	return all, end, nil
}

// chunksFrom is the next chunks from a number on that end before another, behind the
// chunk that the stream begins with, and the number behind them.
func (t *turn) chunksFrom(s *stream, from, end uint64) (all []chunkHead, next uint64, err error) {
	id, next := s.row.GetId(), from
	front, err := t.frontOf(s)
	if err != nil {
		return nil, 0, &storeError{err}
	}
	numbers := uint64(0)
	for e, err := range t.batch.Scan(t.keys.chunk(id, max(from, front.last()+1)), t.keys.chunk(id, end), engine.Ascending) {
		if err != nil {
			return nil, 0, &storeError{fmt.Errorf("read chunks of stream %d: %w", id, err)}
		}
		c, err := decodeChunk(e)
		if err != nil {
			return nil, 0, &storeError{err}
		}
		if len(all) == t.bounds.chunks || numbers >= maxSpan {
			return all, c.first, nil
		}
		numbers += uint64(c.count)
		next = c.last() + 1
		if c.last() < end {
			all = append(all, c.chunkHead)
		}
	}
	return all, max(next, end), nil
}

// leftIn is which of some numbers groups have left. If that is more than one command
// should read, it is all of them.
func (t *turn) leftIn(groups []*group, set ranges.Set) (left ranges.Set, err error) {
	rows := 0
	var parts []ranges.Set
	for _, g := range groups {
		if g.low > set.Last() {
			continue
		}
		if g.row.GetSkipped() > 0 {
			skipped, err := t.skippedOf(g)
			if err != nil {
				return nil, err
			}
			parts = append(parts, skipped.set)
		}
		id, number := g.id()
		from := set.First() - min(set.First(), maxSpan)
		for e, err := range t.batch.Scan(t.keys.pending(id, number, from), t.keys.pending(id, number, set.Last()+1), engine.Ascending) {
			if err != nil {
				return nil, &storeError{fmt.Errorf("read what is pending in group %q: %w", g.name, err)}
			}
			if rows++; rows > sweepRows {
				return set, nil
			}
			p, err := decodePending(e)
			if err != nil {
				return nil, err
			}
			parts = append(parts, p.set)
		}
	}
	return ranges.Union(parts...), nil
}
