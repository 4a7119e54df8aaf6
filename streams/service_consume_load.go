package streams

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// What was handed out is read from the state a piece at a time, and sent when nothing of
// the state is held any more.

// item is events that follow each other in a stream and were delivered equally often.
type item struct {
	stream     uint32 // its place
	deliveries uint32
	from, to   uint64
	ackWaitMS  uint64
	keyed      bool
	after      uint64 // a request to settle
}

// work is what was handed out, in order.
func (c *consumer) work(fetched []state.Fetched, after uint64) (all []item) {
	for _, f := range fetched {
		for _, d := range f.Deliveries {
			for _, r := range d.Events {
				all = append(all, item{c.placeOf(f.Stream), d.Deliveries, r.From, r.To, f.AckWaitMS, f.Keyed, after})
			}
		}
	}
	return all
}

// load is what one response, or a bit more, takes of events.
type load struct {
	deliveries []*eventnodev1.Delivery
	records    *[]byte
	count      uint64
	again      uint64 // those of them that were delivered before
	slices     int    // as they were read
}

// gather reads events up to a piece, and returns what is left.
func (c *consumer) gather(work []item) (*load, []item, error) {
	v, done, err := c.p.Look()
	if err != nil {
		return nil, nil, err
	}
	defer done()
	l := &load{}
	for len(work) > 0 && !l.isFull() {
		if work, err = l.read(v, c.ids[work[0].stream], work); err != nil {
			return nil, nil, err
		}
	}
	return l, work, nil
}

func (l *load) isFull() bool {
	return l.records != nil && (len(*l.records) >= pieceBytes || l.slices >= pieceSlices)
}

// read takes events of the first item, and of those behind it that stand near: to read a
// chunk is to verify all of it, and of a keyed group the items are single events. It
// returns what is left. Events that are gone are left out: the group is told when it
// would be handed them again.
func (l *load) read(v state.View, id uint64, work []item) ([]item, error) {
	past := work[0].from // up to there nothing comes any more
	for s, err := range v.Read(id, past, state.NoLimit) {
		if err != nil {
			return nil, err
		}
		more := false
		if work, more = l.take(s, past, work); !more {
			return work, nil
		}
		past = s.Number + uint64(s.Count)
	}
	return work[1:], nil // it is behind all that is there
}

// nearEvents is how far the next item may be behind a slice for going on to it to be
// better than to look for it: a look-up copies a whole chunk.
const nearEvents = 512

// take takes events of items out of a slice, before which there is nothing from a number
// on. More says that the first item left is in it or not far behind it.
func (l *load) take(s state.Slice, past uint64, work []item) (left []item, more bool) {
	stream, end := work[0].stream, s.Number+uint64(s.Count)
	for len(work) > 0 && work[0].stream == stream && !l.isFull() {
		it := &work[0]
		switch {
		case it.from < past, it.from >= end+nearEvents:
			return work, false // elsewhere
		case it.to < s.Number:
			work = work[1:] // gone
			continue
		case it.from >= end:
			return work, true
		}
		s = behind(s, int(max(it.from, s.Number)-s.Number))
		for it.from = s.Number; it.from <= it.to && s.Count > 0; it.from = s.Number {
			n := l.add(upTo(s, it.to), *it)
			if n == 0 {
				return work, false
			}
			s = behind(s, n)
		}
		past = s.Number
		if it.from > it.to {
			work = work[1:]
		}
	}
	return work, false
}

// upTo is a slice up to a number that it has, or goes up to.
func upTo(s state.Slice, to uint64) state.Slice {
	if most := to - s.Number + 1; uint64(s.Count) > most {
		s.Records = s.Records[:len(s.Records)-len(wire.Skip(s.Records, int(most)))]
		s.Count = int(most)
	}
	return s
}

// behind is a slice without its first events, whose records were cut off.
func behind(s state.Slice, n int) state.Slice {
	if n == 0 {
		return s
	}
	s.Records = wire.Skip(s.Records, n)
	s.Number, s.Count = s.Number+uint64(n), s.Count-n
	s.First = eventnode.Position{MS: s.First.MS, Seq: s.First.Seq + uint64(n)}
	return s
}

// add takes as many events of a slice as there is room for, and says how many.
func (l *load) add(s state.Slice, it item) int {
	if l.records == nil {
		l.records = wire.NewBlock(min(len(s.Records), frameBytes))
	}
	room := frameBytes - len(*l.records)
	part, _, n := wire.Cut(s.Records, max(room, 0))
	if len(part) > room && l.count > 0 {
		return 0
	}
	l.records = wire.GrowBlock(l.records, len(part))
	*l.records = append(*l.records, part...)
	l.count += uint64(n)
	l.slices++
	if it.deliveries > 1 {
		l.again += uint64(n)
	}
	slice := &eventnodev1.Slice{First: positionOut(s.First), Count: uint32(n), Number: s.Number}
	if k := len(l.deliveries); k > 0 {
		if last := l.deliveries[k-1]; last.GetStream() == it.stream && last.GetDeliveries() == it.deliveries {
			last.Slices = appendNumbered(last.GetSlices(), slice)
			return n
		}
	}
	l.deliveries = append(l.deliveries, &eventnodev1.Delivery{Stream: it.stream, Deliveries: it.deliveries, AckWait: duration(it.ackWaitMS), Keyed: it.keyed, After: it.after, Slices: []*eventnodev1.Slice{slice}})
	return n
}

// appendNumbered is appendSlice for events between which others may have been left out:
// also their numbers must follow each other.
func appendNumbered(to []*eventnodev1.Slice, s *eventnodev1.Slice) []*eventnodev1.Slice {
	if last := to[len(to)-1]; last.GetNumber()+uint64(last.GetCount()) != s.GetNumber() {
		return append(to, s)
	}
	return appendSlice(to, s)
}

// message is the load as a response, which takes its memory over.
func (l *load) message() (*wire.Frame, error) {
	head, err := proto.Marshal(&eventnodev1.ConsumeResponse{Deliveries: l.deliveries})
	if err != nil {
		return nil, fmt.Errorf("encode frame: %w", err)
	}
	return &wire.Frame{Head: head, Own: l.records}, nil
}
