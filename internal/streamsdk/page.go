package streamsdk

import (
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// page is a ReadResponse. Its events are decoded one by one as they are asked for.
type page struct {
	slices  []*eventnodev1.Slice
	records []byte
	lost    uint64
	end     bool
	// err is set while ranging, if an event cannot be decoded.
	err error
}

// parsePage reads a ReadResponse. It fails with wire.ErrMalformed.
func parsePage(msg []byte) (*page, error) {
	head, records, err := wire.Split(msg)
	if err != nil {
		return nil, err
	}
	var m eventnodev1.ReadResponse
	if err := proto.Unmarshal(head, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	var said uint64
	for _, s := range m.GetSlices() {
		said += uint64(s.GetCount())
	}
	if n := wire.CountRecords(records); uint64(n) != said {
		return nil, fmt.Errorf("%d events said, %d there: %w", said, n, wire.ErrMalformed)
	}
	return &page{slices: m.GetSlices(), records: records, lost: m.GetLost(), end: m.GetEnd()}, nil
}

// events ranges over the events.
func (p *page) events(stream string) iter.Seq[eventnode.StreamEvent] {
	return func(yield func(eventnode.StreamEvent) bool) {
		var decoder wire.Decoder
		var d eventnode.Delivery
		rest := p.records
		for _, s := range p.slices {
			at := positionFromProto(s.GetFirst())
			for i := range uint64(s.GetCount()) {
				rest = decoder.Next(&d, rest)
				ev := eventnode.StreamEvent{Stream: stream, Position: at, Number: s.GetNumber() + i, Topics: d.Topics, Event: d.Event}
				if d.Gap != nil {
					p.err = fmt.Errorf("event %v of stream %.255q: %w", at, stream, eventnode.ErrInvalidEvent)
					return
				}
				if !yield(ev) {
					return
				}
				at.Seq++
			}
		}
	}
}
