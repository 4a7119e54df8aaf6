package wire

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode/event"
)

// EventSize is the length of e as AppendEvent encodes it.
func EventSize(e *event.Event) int { return eventSize(e, unixNano(e)) }

func eventSize(e *event.Event, ns int64) int {
	n := sizeBytes(len(e.ID)) + sizeText(e.Name) + sizeText(e.Key) + sizeText(e.Source) + sizeText(e.DataType)
	if ns != 0 {
		n += 1 + 8
	}
	if len(e.Meta) > 0 { // going over a map costs, even over none
		n += metaSize(e.Meta)
	}
	if len(e.Data) > 0 {
		n += sizeBytes(len(e.Data))
	}
	return n
}

// AppendEvent appends e, encoded as eventnode.v1.Event. e must be valid. It
// allocates only to grow dst.
func AppendEvent(dst []byte, e *event.Event) []byte { return appendEvent(dst, e, unixNano(e)) }

func appendEvent(dst []byte, e *event.Event, ns int64) []byte {
	dst = append(dst, fieldID<<3|byte(protowire.BytesType), byte(len(e.ID)))
	dst = append(dst, e.ID[:]...)
	dst = appendText(dst, fieldName, e.Name)
	dst = appendText(dst, fieldKey, e.Key)
	if ns != 0 {
		dst = append(dst, fieldTime<<3|byte(protowire.Fixed64Type))
		dst = binary.LittleEndian.AppendUint64(dst, uint64(ns))
	}
	dst = appendText(dst, fieldSource, e.Source)
	if len(e.Meta) > 0 {
		dst = appendMeta(dst, e.Meta)
	}
	if len(e.Data) > 0 {
		dst = append(dst, fieldData<<3|byte(protowire.BytesType))
		dst = appendLength(dst, len(e.Data))
		dst = append(dst, e.Data...)
	}
	return appendText(dst, fieldDataType, e.DataType)
}

// AppendEnvelope appends a record: e with its topics, which must be UTF-8. It
// allocates only to grow dst.
func AppendEnvelope(dst []byte, topics []string, e *event.Event) []byte {
	ns := unixNano(e)
	if ns == 0 && len(topics) == 1 && isPlain(e, topics[0]) {
		return appendPlain(dst, topics[0], e)
	}
	dst = appendUpToEvent(dst, envelopeTag, topics, eventSize(e, ns))
	return appendEvent(dst, e, ns)
}

// isPlain reports whether an event with the time of its ID is one that
// appendPlain can encode: with nothing but a name and data, all of usual size.
func isPlain(e *event.Event, topic string) bool {
	return len(e.Key)+len(e.Source)+len(e.DataType)+len(e.Meta) == 0 &&
		len(e.Data) > 0 && len(e.Data) < 1<<13 && len(e.Name) < 1<<7 && len(topic) < 1<<7
}

// appendPlain is AppendEnvelope for plain events, which most are, in a third of
// the time: all lengths are known first, and the bytes are written in one go.
func appendPlain(dst []byte, topic string, e *event.Event) []byte {
	data := 1 + lengthSize(len(e.Data)) + len(e.Data)
	encoded := idEnd + 2 + len(e.Name) + data
	envelope := 2 + len(topic) + 1 + lengthSize(encoded) + encoded
	from, size := len(dst), 1+lengthSize(envelope)+envelope
	dst = slices.Grow(dst, size)[:from+size]
	b := dst[from:]
	b[0] = envelopeTag
	b = b[1+putLength(b[1:], envelope):]
	b[0], b[1] = topicTag, byte(len(topic))
	b = b[2+copy(b[2:], topic):]
	b[0] = eventTag
	b = b[1+putLength(b[1:], encoded):]
	b[0], b[1] = idTag, byte(len(e.ID))
	copy(b[2:], e.ID[:])
	b = b[idEnd:]
	b[0], b[1] = nameTag, byte(len(e.Name))
	b = b[2+copy(b[2:], e.Name):]
	b[0] = dataTag
	b = b[1+putLength(b[1:], len(e.Data)):]
	copy(b, e.Data)
	return dst
}

// lengthSize and putLength are for lengths of one or two bytes.
func lengthSize(n int) int {
	if n < 1<<7 {
		return 1
	}
	return 2
}

func putLength(b []byte, n int) int {
	if n < 1<<7 {
		b[0] = byte(n)
		return 1
	}
	b[0], b[1] = byte(n)|1<<7, byte(n>>7)
	return 2
}

// AppendRecord appends a record: an encoded event with its topics.
func AppendRecord(dst []byte, topics []string, encoded []byte) []byte {
	dst = appendUpToEvent(dst, envelopeTag, topics, len(encoded))
	return append(dst, encoded...)
}

// appendUpToEvent appends everything of an envelope, a field with this tag, before the
// event's own bytes, and makes room for these.
func appendUpToEvent(dst []byte, tag byte, topics []string, size int) []byte {
	envelope := topicsSize(topics) + sizeBytes(size)
	dst = slices.Grow(dst, sizeBytes(envelope))
	dst = append(dst, tag)
	dst = appendLength(dst, envelope)
	dst = appendTopics(dst, topics)
	dst = append(dst, eventTag)
	return appendLength(dst, size)
}

// appendLength appends a length, which mostly takes one byte or two.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 1<<7:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, byte(n)|1<<7, byte(n>>7))
	}
	return protowire.AppendVarint(dst, uint64(n))
}

// unixNano is Event.time_unix_nano of e: 0, which costs nothing, if it is what
// the ID says.
func unixNano(e *event.Event) int64 {
	if e.Time.IsZero() {
		return 0
	}
	ns := e.Time.UnixNano()
	const v7, perMilli = 7, uint64(time.Millisecond)
	if ms := binary.BigEndian.Uint64(e.ID[:8]) >> 16; e.ID[6]>>4 == v7 && ms <= math.MaxInt64/perMilli && uint64(ns) == ms*perMilli {
		return 0 // as event.TimeOf has it
	}
	return ns
}

func metaSize(meta map[string]string) (n int) {
	for k, v := range meta {
		n += sizeBytes(entrySize(k, v))
	}
	return n
}

func appendMeta(dst []byte, meta map[string]string) []byte {
	for k, v := range meta {
		dst = append(dst, fieldMeta<<3|byte(protowire.BytesType))
		dst = appendLength(dst, entrySize(k, v))
		dst = appendText(dst, 1, k)
		dst = appendText(dst, 2, v)
	}
	return dst
}

func entrySize(k, v string) int { return sizeText(k) + sizeText(v) }

// sizeText is the size of a string field, which is not written if it is empty.
func sizeText(s string) int {
	if s == "" {
		return 0
	}
	return sizeBytes(len(s))
}

// appendText appends a string field with a number below 16.
func appendText(dst []byte, num byte, s string) []byte {
	if s == "" {
		return dst
	}
	dst = append(dst, num<<3|byte(protowire.BytesType))
	dst = appendLength(dst, len(s))
	return append(dst, s...)
}
