package client

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// frame is a message of a Subscribe stream as it came: gaps first, then
// envelopes, which are decoded one by one as they are asked for.
type frame struct {
	gaps    []eventnode.Gap
	records []byte
	memory  wire.Piece // that records is a part of; held once
	cost    int        // what it takes of the subscription's window

	// The queue's.
	from    *feed     // whose window it takes of
	at      time.Time // when it came
	overlap bool      // the next node may send the same
}

// parseFrame divides a message. Its structure is checked here, so that next
// meets at most bad events.
func parseFrame(message wire.Piece) (*frame, *eventnodev1.SubscribeResponse, error) {
	head, records, err := wire.Split(message.Data)
	if err != nil {
		return nil, nil, err
	}
	var m eventnodev1.SubscribeResponse
	if err := proto.Unmarshal(head, &m); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	gaps := convert.GapsFromProto(m.GetGaps())
	return &frame{records: records, memory: message, gaps: gaps, cost: len(records) + windowCost*(1+len(gaps))}, &m, nil
}

// empty reports whether nothing is left to deliver.
func (f *frame) empty() bool { return len(f.gaps) == 0 && len(f.records) == 0 }

// saysAll reports whether f tells what g does: that the client was reconnected,
// and nothing else.
func (f *frame) saysAll(g *frame) bool {
	return len(f.records) == 0 && len(g.records) == 0 && len(f.gaps) == 1 && len(g.gaps) == 1 &&
		f.gaps[0] == g.gaps[0] && f.gaps[0].Reason == eventnode.GapReconnected
}

// next sets d to the next delivery; false at the end of the frame. An event that
// cannot be decoded is a gap of one: nothing is missing silently.
func (f *frame) next(d *eventnode.Delivery, decoder *wire.Decoder) bool {
	switch {
	case len(f.gaps) > 0:
		g := f.gaps[0]
		f.gaps = f.gaps[1:]
		*d = eventnode.Delivery{Gap: &g}
	case len(f.records) > 0:
		if f.records = decoder.Next(d, f.records); len(f.records) == 0 && !decoder.Shared() {
			f.memory.Release()
		}
	default:
		return false
	}
	return true
}
