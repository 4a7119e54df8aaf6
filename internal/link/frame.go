package link

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Field numbers of LaneRequest and TrackedEnvelope: a frame is written and read
// by hand, so that the events in it are neither copied nor decoded.
const (
	fieldNumber   = protowire.Number(1)
	fieldOpenLane = protowire.Number(2)
	fieldTracked  = protowire.Number(3)
	fieldDropped  = protowire.Number(4)
	fieldQueued   = protowire.Number(5)

	fieldReceipt         = protowire.Number(1)
	fieldEnvelope        = protowire.Number(2)
	fieldTrackedAudience = protowire.Number(3)

	fieldAudience = protowire.Number(1) // of QueuedRun
)

// trackedEnvelope is an encoded Envelope that wants a receipt.
type trackedEnvelope struct {
	receipt  uint64
	envelope []byte
	audience []byte // encoded; nil: the plain subscriptions
}

// queuedRun is a run of envelopes with its encoded audience.
type queuedRun struct {
	audience []byte
	run      wire.Piece
}

// openHead encodes the first message of a lane.
func openHead(lane int) []byte {
	b := protowire.AppendTag(nil, fieldOpenLane, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(lane))
}

// appendHead encodes a frame's number and notice.
func appendHead(b []byte, number uint64, d *drops) ([]byte, error) {
	b = protowire.AppendTag(b, fieldNumber, protowire.VarintType)
	b = protowire.AppendVarint(b, number)
	if d == nil {
		return b, nil
	}
	m, err := proto.Marshal(d.message())
	if err != nil {
		return nil, fmt.Errorf("encode drops: %w", err)
	}
	b = protowire.AppendTag(b, fieldDropped, protowire.BytesType)
	return protowire.AppendBytes(b, m), nil
}

// trackedPrefix encodes all of a tracked envelope but the envelope itself,
// which follows by reference.
func trackedPrefix(t trackedEnvelope) []byte {
	inner := protowire.AppendTag(make([]byte, 0, 24), fieldReceipt, protowire.VarintType)
	inner = protowire.AppendVarint(inner, t.receipt)
	if t.audience != nil {
		inner = protowire.AppendTag(inner, fieldTrackedAudience, protowire.BytesType)
		inner = protowire.AppendBytes(inner, t.audience)
	}
	inner = protowire.AppendTag(inner, fieldEnvelope, protowire.BytesType)
	inner = protowire.AppendVarint(inner, uint64(len(t.envelope)))

	b := protowire.AppendTag(make([]byte, 0, 8+len(inner)), fieldTracked, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(inner)+len(t.envelope)))
	return append(b, inner...)
}

// queuedPrefix encodes all of a queued run but its envelopes, which follow by reference.
func queuedPrefix(q queuedRun) []byte {
	size := protowire.SizeTag(fieldAudience) + protowire.SizeBytes(len(q.audience)) + len(q.run.Data)
	b := protowire.AppendTag(make([]byte, 0, 16+len(q.audience)), fieldQueued, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = protowire.AppendTag(b, fieldAudience, protowire.BytesType)
	return protowire.AppendBytes(b, q.audience)
}

// frame is a received LaneRequest. Its bytes are parts of the message.
type frame struct {
	number    uint64
	opens     bool // open_lane was set
	lane      uint64
	tracked   []trackedEnvelope
	queued    []queuedRun
	dropped   *clusterv1.Dropped
	envelopes []byte
}

// decodeFrame reads a message of a lane. Unknown fields are ignored; the error
// wraps wire.ErrMalformed.
func decodeFrame(msg []byte) (frame, error) {
	head, envelopes, err := wire.Split(msg)
	if err != nil {
		return frame{}, fmt.Errorf("lane frame: %w", err)
	}
	f := frame{envelopes: envelopes}
	if err := f.decodeHead(head); err != nil {
		return frame{}, err
	}
	return f, nil
}

func (f *frame) decodeHead(b []byte) error {
	return eachField(b, func(p field) error {
		switch {
		case p.is(fieldNumber, protowire.VarintType):
			f.number = p.varint
		case p.is(fieldOpenLane, protowire.VarintType):
			f.opens, f.lane = true, p.varint
		case p.is(fieldTracked, protowire.BytesType):
			t, err := decodeTracked(p.bytes)
			f.tracked = append(f.tracked, t)
			return err
		case p.is(fieldQueued, protowire.BytesType):
			q, err := decodeQueued(p.bytes)
			f.queued = append(f.queued, q)
			return err
		case p.is(fieldDropped, protowire.BytesType):
			return f.mergeDropped(p.bytes)
		}
		return nil
	})
}

func (f *frame) mergeDropped(b []byte) error {
	if f.dropped == nil {
		f.dropped = new(clusterv1.Dropped)
	}
	if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(b, f.dropped); err != nil {
		return fmt.Errorf("lane frame, drops: %w", wire.ErrMalformed)
	}
	return nil
}

func decodeTracked(b []byte) (trackedEnvelope, error) {
	var t trackedEnvelope
	err := eachField(b, func(p field) error {
		switch {
		case p.is(fieldReceipt, protowire.VarintType):
			t.receipt = p.varint
		case p.is(fieldEnvelope, protowire.BytesType):
			t.envelope = p.bytes
		case p.is(fieldTrackedAudience, protowire.BytesType):
			t.audience = p.bytes
		}
		return nil
	})
	return t, err
}

func decodeQueued(b []byte) (queuedRun, error) {
	head, envelopes, err := wire.Split(b)
	if err != nil {
		return queuedRun{}, fmt.Errorf("queued run: %w", err)
	}
	q := queuedRun{run: wire.Piece{Data: envelopes}}
	return q, eachField(head, func(p field) error {
		if p.is(fieldAudience, protowire.BytesType) {
			q.audience = p.bytes
		}
		return nil
	})
}

// field is one field of a message; varint or bytes is set, as typ says.
type field struct {
	num    protowire.Number
	typ    protowire.Type
	varint uint64
	bytes  []byte
}

// is reports whether the field is number num and of its type. A known number
// with another type is an unknown field, as for any protobuf decoder.
func (p field) is(num protowire.Number, typ protowire.Type) bool { return p.num == num && p.typ == typ }

// eachField calls fn for each field of b.
func eachField(b []byte, fn func(field) error) error {
	for len(b) > 0 {
		p, n := consumeField(b)
		if n < 0 {
			return fmt.Errorf("lane frame: %w", wire.ErrMalformed)
		}
		if err := fn(p); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// consumeField reads the first field and returns its length, negative if there
// is none.
func consumeField(b []byte) (field, int) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return field{}, n
	}
	p, m := field{num: num, typ: typ}, 0
	switch typ {
	case protowire.VarintType:
		p.varint, m = protowire.ConsumeVarint(b[n:])
	case protowire.BytesType:
		p.bytes, m = protowire.ConsumeBytes(b[n:])
	default:
		m = protowire.ConsumeFieldValue(num, typ, b[n:])
	}
	if m < 0 {
		return field{}, m
	}
	return p, n + m
}
