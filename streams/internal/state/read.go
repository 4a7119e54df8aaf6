package state

import (
	"fmt"
	"iter"
	"math"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// NoLimit is for reads without one.
const NoLimit = math.MaxUint64

// Slice is events of a stream that stand together. What it points to is valid
// until the loop's next turn.
type Slice struct {
	// Number is that of the first one, First its position; the others follow.
	Number uint64
	First  eventnode.Position
	Count  int
	// Records is the events, as repeated eventnode.v1.Envelope of field 15.
	Records []byte
}

// Read ranges over a stream's events from a number on, at most so many; what went
// before that is left out. What is damaged or missing is an error, and the end.
func (v View) Read(id, number, most uint64) iter.Seq2[Slice, error] {
	return func(yield func(Slice, error) bool) {
		s, found, err := v.ByNumber(id)
		if err == nil && !found {
			err = eventnode.StreamNotFound(fmt.Sprintf("number %d", id))
		}
		if err != nil {
			yield(Slice{}, err)
			return
		}
		number, end := max(number, s.State.GetFirst()), s.State.GetLast()+1
		if number < end && most > 0 {
			v.read(id, number, end, most, yield)
		}
	}
}

// read yields at most so many events from a number on that is there, or in a hole,
// before another.
func (v View) read(id, number, end, left uint64, yield func(Slice, error) bool) {
	first, number, err := v.from(id, number)
	if err != nil {
		yield(Slice{}, err)
		return
	}
	for e, err := range v.r.Scan(v.keys.chunk(id, first), v.keys.number(kindChunk, id+1), engine.Ascending) {
		var s Slice
		if err == nil && number < lastNumber(e.Key) {
			number, err = v.pastHole(id, number)
		}
		if err == nil {
			s, err = slice(e, number, min(left, end-number))
		}
		if err != nil {
			yield(Slice{}, err)
			return
		}
		number += uint64(s.Count)
		left -= uint64(s.Count)
		if !yield(s, nil) || left == 0 || number == end {
			return
		}
	}
	if number < end {
		number, err = v.pastHole(id, number)
	}
	if err == nil && number < end {
		err = damaged("event %d of stream %d is not there", number, id)
	}
	if err != nil {
		yield(Slice{}, err)
	}
}

// from is where reading begins: the first number of a chunk, and that of the event.
func (v View) from(id, number uint64) (first, from uint64, err error) {
	h, gone, err := v.holeAt(id, number)
	if err != nil || gone {
		return h.To + 1, h.To + 1, err
	}
	c, err := chunkAt(v.r, v.keys, id, number)
	return c.first, number, err
}

// pastHole is the number behind the hole that one is in; the same if it is in none.
func (v View) pastHole(id, number uint64) (uint64, error) {
	h, gone, err := v.holeAt(id, number)
	if err != nil || !gone {
		return number, err
	}
	return h.To + 1, nil
}

// slice is the events of a chunk from a number on, with which it must go on.
func slice(e engine.Entry, number, most uint64) (Slice, error) {
	c, err := decodeChunk(e)
	if err != nil {
		return Slice{}, err
	}
	if number < c.first || number > c.last() {
		return Slice{}, damaged("event %d is not there: the next are %d to %d", number, c.first, c.last())
	}
	if err := c.verify(); err != nil {
		return Slice{}, err
	}
	return c.from(number, most)
}

// Find returns the number of the first event at a position or after it; that
// behind the last one if there is none. Positions grow with numbers, so it halves
// the interval: some 20 look-ups for a million chunks, without an index.
func (v View) Find(s Stream, p eventnode.Position) (uint64, error) {
	low, high := s.State.GetFirst(), s.State.GetLast()+1
	for low < high {
		middle := low + (high-low)/2
		if h, gone, err := v.holeOf(s, middle); err != nil || gone {
			if err == nil && h.From <= low {
				low = h.To + 1
				continue
			}
			if err != nil {
				return 0, err
			}
			middle = h.From - 1 // there is an event before a hole
		}
		c, err := chunkAt(v.r, v.keys, s.Row.GetId(), middle)
		if err != nil {
			return 0, err
		}
		switch {
		case p.Compare(c.position) <= 0:
			high = c.first
		case p.MS > c.position.MS || p.Seq >= c.position.Seq+uint64(c.count):
			low = c.last() + 1
		default:
			return max(c.first+(p.Seq-c.position.Seq), s.State.GetFirst()), nil
		}
	}
	return max(low, s.State.GetFirst()), nil
}

// holeOf is the hole that a number is in, if the stream has any.
func (v View) holeOf(s Stream, number uint64) (ranges.Range, bool, error) {
	if s.State.GetGone() == 0 {
		return ranges.Range{}, false, nil
	}
	return v.holeAt(s.Row.GetId(), number)
}

// PositionOf is the position of an event that is there.
func (v View) PositionOf(id, number uint64) (eventnode.Position, error) {
	c, err := chunkAt(v.r, v.keys, id, number)
	if err != nil {
		return eventnode.Position{}, err
	}
	return eventnode.Position{MS: c.position.MS, Seq: c.position.Seq + (number - c.first)}, nil
}
