package hands

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Message is a ConsumeResponse, whose events are not decoded.
type Message struct {
	*eventnodev1.ConsumeResponse // without its envelopes

	deliveries []delivery
	bytes      int // of the envelopes
}

// delivery is one Delivery with its events.
type delivery struct {
	*eventnodev1.Delivery
	page    *page
	records []byte
}

// page is the memory of a message, which is used again when all in it was decoded.
type page struct {
	piece wire.Piece
	left  int  // events that are not decoded
	kept  bool // an event's data is a part of it
}

// Parse reads a ConsumeResponse, which it takes over. It fails with wire.ErrMalformed.
func Parse(piece wire.Piece) (*Message, error) {
	head, records, err := wire.Split(piece.Data)
	if err != nil {
		return nil, err
	}
	m := &Message{ConsumeResponse: &eventnodev1.ConsumeResponse{}, bytes: len(records)}
	if err := proto.Unmarshal(head, m.ConsumeResponse); err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	p := &page{piece: piece, left: wire.CountRecords(records)}
	said := 0
	for i, d := range m.GetDeliveries() {
		n, err := check(d)
		if err != nil {
			return nil, err
		}
		if said += n; said > p.left {
			break
		}
		mine := records
		if i < len(m.GetDeliveries())-1 {
			records = wire.Skip(records, n)
			mine = mine[:len(mine)-len(records)]
		}
		m.deliveries = append(m.deliveries, delivery{Delivery: d, page: p, records: mine})
	}
	if said != p.left {
		return nil, fmt.Errorf("%d events said, %d there: %w", said, p.left, wire.ErrMalformed)
	}
	if p.left == 0 {
		piece.Release() // proto.Unmarshal copies
	}
	return m, nil
}

// check counts the events of a delivery.
func check(d *eventnodev1.Delivery) (events int, err error) {
	for _, s := range d.GetSlices() {
		if s.GetNumber() == 0 || s.GetCount() == 0 || s.GetNumber()+uint64(s.GetCount()) < s.GetNumber() {
			return 0, fmt.Errorf("%d events from number %d on: %w", s.GetCount(), s.GetNumber(), wire.ErrMalformed)
		}
		events += int(s.GetCount())
	}
	return events, nil
}

// part is events of one stream that follow each other.
type part struct {
	page       *page
	first      eventnode.Position
	number     uint64
	count      int
	deliveries int
	records    []byte
	at         time.Time // when they were delivered or extended last
}

func (p *part) span() span { return span{p.number, p.number + uint64(p.count) - 1} }

// cut takes the first events of a part: at most so many, and of so many bytes, but one
// at least if need be.
func (p *part) cut(most, bytes int, one bool) (head part) {
	head = *p
	if p.count <= most && len(p.records) <= bytes {
		p.count, p.records = 0, nil
		return head
	}
	n, size := 0, 0
	for n < most {
		rest := wire.Skip(p.records[size:], 1)
		end := len(p.records) - len(rest)
		if end > bytes && (n > 0 || !one) {
			break
		}
		n, size = n+1, end
	}
	head.count, head.records = n, p.records[:size:size]
	p.records = p.records[size:]
	p.count -= n
	p.number += uint64(n)
	p.first.Seq += uint64(n)
	return head
}
