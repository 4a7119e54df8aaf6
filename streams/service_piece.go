package streams

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

const (
	// frameBytes bounds the events in one response, but for one that is larger by
	// itself: with its head it fits into a block of memory of 256 KiB.
	frameBytes = 255 << 10
	// pieceBytes is when a piece is large enough. It may be larger by one chunk,
	// and is sent in several responses then.
	pieceBytes = 128 << 10
	// pieceSlices bounds the slices of a piece, whose heads cost more than their
	// events if these are small.
	pieceSlices = 2048
)

// piece is a part of a stream, copied out of the state.
type piece struct {
	slices  []*eventnodev1.Slice
	records *[]byte // nil: none
	count   uint64
	next    uint64 // the number behind what was read
	lost    uint64
	end     bool // there is nothing behind it, for now
}

// take takes the next piece.
func (r *reader) take() (p piece, err error) {
	v, done, err := r.p.Look()
	if err != nil {
		return p, err
	}
	defer done()
	st, found, err := v.ByNumber(r.id)
	switch {
	case err != nil:
		return p, err
	case !found:
		return p, eventnode.StreamNotFound(r.name.String())
	}
	end := st.State.GetLast() + 1
	switch {
	case end < r.next: // this node has been started again, and is not as far as it was
		return p, errMoved
	case !r.follow:
		end = min(end, r.end)
	}
	p.lost, r.lost = r.lost, 0
	if first := min(st.State.GetFirst(), end); r.next < first {
		p.lost += first - r.next
		r.next = first
	}
	if r.next < end {
		if err := p.fill(v, r.id, r.next, end, r.left); err != nil {
			return p, err
		}
		r.next = p.next
	}
	r.left -= p.count
	p.end = r.next == end
	return p, nil
}

// fill takes events from a number on and before another one, at most so many. Between
// them may be holes, also behind the last event.
func (p *piece) fill(v state.View, id, number, end, most uint64) error {
	p.next = number
	for s, err := range v.Read(id, number, min(most, end-number)) {
		if err != nil {
			return err
		}
		if s.Number >= end { // a chunk never lies across it
			break
		}
		if p.records == nil {
			p.records = wire.NewBlock(len(s.Records))
		}
		p.records = wire.GrowBlock(p.records, len(s.Records))
		*p.records = append(*p.records, s.Records...)
		p.count += uint64(s.Count)
		p.next = s.Number + uint64(s.Count)
		p.slices = appendSlice(p.slices, &eventnodev1.Slice{First: positionOut(s.First), Count: uint32(s.Count), Number: s.Number})
		if p.count == most || len(*p.records) >= pieceBytes || len(p.slices) >= pieceSlices {
			return nil
		}
	}
	p.next = end
	return nil
}

// appendSlice appends a slice, or makes the last one longer.
func appendSlice(to []*eventnodev1.Slice, s *eventnodev1.Slice) []*eventnodev1.Slice {
	if n := len(to); n > 0 {
		last := to[n-1]
		if end := last.GetFirst(); end.GetMs() == s.GetFirst().GetMs() && end.GetSeq()+uint64(last.GetCount()) == s.GetFirst().GetSeq() {
			last.Count += s.GetCount()
			return to
		}
	}
	return append(to, s)
}

// send sends a piece.
func (r *reader) send(p piece) error {
	r.s.metrics.read.Add(float64(p.count))
	r.s.metrics.lost.Add(float64(p.lost))
	if p.count == 0 && p.lost == 0 && r.told == p.end {
		return nil
	}
	r.told = p.end
	m := &eventnodev1.ReadResponse{Slices: p.slices, Lost: p.lost, End: p.end}
	if p.records == nil || len(*p.records) <= frameBytes {
		return r.sendFrame(m, wire.Frame{Own: p.records})
	}
	return r.sendParts(m, *p.records)
}

// sendParts sends a piece that is too large for one response: it is a chunk that
// is, mostly. The slices are cut as the events are.
func (r *reader) sendParts(whole *eventnodev1.ReadResponse, records []byte) error {
	slices := whole.GetSlices()
	for lost := whole.GetLost(); len(records) > 0; lost = 0 {
		part, rest, count := wire.Cut(records, frameBytes)
		m := &eventnodev1.ReadResponse{Lost: lost, End: whole.GetEnd() && len(rest) == 0}
		m.Slices, slices = cutSlices(slices, uint32(count))
		if err := r.sendFrame(m, wire.Frame{Segments: []wire.Piece{{Data: part}}}); err != nil {
			return err
		}
		records = rest
	}
	return nil
}

// cutSlices divides slices behind so many events.
func cutSlices(slices []*eventnodev1.Slice, count uint32) (first, rest []*eventnodev1.Slice) {
	for i, s := range slices {
		if s.GetCount() > count {
			first = slices[:i:i]
			if count > 0 {
				first = append(first, &eventnodev1.Slice{First: s.GetFirst(), Count: count, Number: s.GetNumber()})
			}
			at := eventnode.Position{MS: s.GetFirst().GetMs(), Seq: s.GetFirst().GetSeq() + uint64(count)}
			tail := &eventnodev1.Slice{First: positionOut(at), Count: s.GetCount() - count, Number: s.GetNumber() + uint64(count)}
			return first, append([]*eventnodev1.Slice{tail}, slices[i+1:]...)
		}
		count -= s.GetCount()
	}
	return slices, nil
}

func (r *reader) sendFrame(m *eventnodev1.ReadResponse, f wire.Frame) (err error) {
	if f.Head, err = proto.Marshal(m); err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	return r.stream.SendMsg(&f)
}
