package wire

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode/event"
)

// Field numbers of DispatchStreamRequest and its TrackedEnvelope, which are written and
// read by hand: each request is one.
const (
	fieldTracked         = 1
	fieldTrackedEnvelope = 1
	fieldTrackedTimeout  = 2

	trackedTag         = fieldTracked<<3 | byte(protowire.BytesType)
	trackedEnvelopeTag = fieldTrackedEnvelope<<3 | byte(protowire.BytesType)
)

// Tracked is an envelope that wants a receipt.
type Tracked struct {
	// Envelope is the encoded Envelope, not checked: a view.
	Envelope []byte
	// Timeout is how long the receipt is gathered; nil: the default.
	Timeout *durationpb.Duration
}

// AppendTracked appends e with its topics, which must be UTF-8, as a tracked envelope of a
// DispatchStreamRequest. A timeout of 0 is the default.
func AppendTracked(dst []byte, topics []string, e *event.Event, timeout time.Duration) []byte {
	ns := unixNano(e)
	size, wait := eventSize(e, ns), encodedTimeout(timeout)
	envelope := topicsSize(topics) + sizeBytes(size)
	dst = append(dst, trackedTag)
	dst = appendLength(dst, sizeBytes(envelope)+len(wait))
	dst = appendUpToEvent(dst, trackedEnvelopeTag, topics, size)
	dst = appendEvent(dst, e, ns)
	return append(dst, wait...)
}

// encodedTimeout is the field of a timeout; nil if it is the default.
func encodedTimeout(timeout time.Duration) []byte {
	if timeout == 0 {
		return nil
	}
	b, _ := proto.Marshal(durationpb.New(timeout)) // there is nothing in it that could fail
	return protowire.AppendBytes(protowire.AppendTag(nil, fieldTrackedTimeout, protowire.BytesType), b)
}

// ParseTracked reads the tracked envelopes of a DispatchStreamRequest's head; what it does
// not know it ignores. The error is ErrMalformed.
func ParseTracked(head []byte) (list []Tracked, err error) {
	for len(head) > 0 {
		f, ok := nextField(head)
		if !ok {
			return nil, fmt.Errorf("request: %w", ErrMalformed)
		}
		if f.num == fieldTracked && f.typ == protowire.BytesType {
			t, err := parseTracked(f.val)
			if err != nil {
				return nil, err
			}
			list = append(list, t)
		}
		head = head[f.size:]
	}
	return list, nil
}

func parseTracked(b []byte) (t Tracked, err error) {
	var timeout []byte
	waits := false
	for len(b) > 0 {
		f, ok := nextField(b)
		if !ok {
			return Tracked{}, fmt.Errorf("tracked envelope: %w", ErrMalformed)
		}
		switch { // a field that is there twice is merged, which for messages is one behind the other
		case f.num == fieldTrackedEnvelope && f.typ == protowire.BytesType:
			t.Envelope = join(t.Envelope, f.val)
		case f.num == fieldTrackedTimeout && f.typ == protowire.BytesType:
			timeout, waits = join(timeout, f.val), true
		}
		b = b[f.size:]
	}
	if !waits {
		return t, nil
	}
	t.Timeout = &durationpb.Duration{}
	if err := proto.Unmarshal(timeout, t.Timeout); err != nil {
		return Tracked{}, fmt.Errorf("tracked envelope, timeout: %w: %w", ErrMalformed, err)
	}
	return t, nil
}

// join is b behind a.
func join(a, b []byte) []byte {
	if len(a) == 0 {
		return b
	}
	return append(slices.Clip(a), b...)
}
