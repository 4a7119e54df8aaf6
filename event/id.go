package event

import (
	"crypto/sha1"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// ID is an event's identity: a UUIDv7 (RFC 9562), which starts with the
// milliseconds of its making, so that IDs sort by time.
type ID = uuid.UUID

// NewID returns a new UUIDv7 of this moment.
func NewID() ID { return NewIDAt(time.Now()) }

// NewIDAt returns a new UUIDv7 of the moment t. IDs of moments at least a
// quarter of a microsecond apart sort in their order (RFC 9562, section 6.2,
// method 3); those of one moment differ by 62 random bits, of a ChaCha8 generator
// that the operating system seeds in each process. It keeps no state of its own:
// a publisher costs no lock, no allocation and no system call. IDs tell events
// apart; they are no secrets.
func NewIDAt(t time.Time) ID {
	const perMilli = int64(time.Millisecond)
	ns := t.UnixNano()
	fraction := ns % perMilli * (1 << 12) / perMilli // 12 bits of a millisecond
	var id ID
	binary.BigEndian.PutUint64(id[:8], uint64(ns/perMilli)<<16|0x7000|uint64(fraction))
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()&(1<<62-1)|1<<63) // variant 10
	return id
}

// ParseID reads the 36 characters of RFC 9562, such as
// "01981f3e-5c00-7000-8000-000000000001", in either case. Other forms (braces,
// "urn:uuid:", no hyphens) and the nil UUID are an *InvalidError.
func ParseID(s string) (ID, error) {
	const canonical = 36
	if len(s) != canonical {
		return ID{}, &InvalidError{Field: "id", Reason: "is not a UUID of 36 characters"}
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return ID{}, &InvalidError{Field: "id", Reason: "is not a UUID"}
	}
	if id == uuid.Nil {
		return ID{}, &InvalidError{Field: "id", Reason: "is the nil UUID"}
	}
	return id, nil
}

// TimeOf returns the milliseconds inside a UUIDv7, in UTC. It is the zero time
// for other versions, which do not tell it, and for a time after 2261, which
// Validate would refuse.
func TimeOf(id ID) time.Time {
	const v7 = 7
	if id[6]>>4 != v7 {
		return time.Time{}
	}
	ms := binary.BigEndian.Uint64(id[:8]) >> 16 // the first 48 bits
	if ms > math.MaxInt64/uint64(time.Millisecond) {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// MetaOriginalID is the key in Meta of the ID that an event came with, if that is no UUID;
// and MetaOriginalIDKind says "number" if it was one.
const (
	MetaOriginalID     = "originalid"
	MetaOriginalIDKind = "originalidkind"
	idKindNumber       = "number"
)

// namedIDs is the namespace of NamedID.
var namedIDs = ID{0x6b, 0x1d, 0x0c, 0x52, 0x7e, 0x3a, 0x4f, 0x0e, 0x9a, 0x41, 0x2f, 0x58, 0xc3, 0x97, 0xe0, 0x15}

// NamedID is the ID of an event that comes with one that is no UUID: a UUIDv5 (RFC 9562),
// always the same for the same source and the same original. It tells no time.
func NamedID(source, original string) ID {
	const version5, variant = 0x50, 0x80
	b := make([]byte, 0, 256) // most fit, and are on the stack
	b = strconv.AppendInt(append(b, namedIDs[:]...), int64(len(source)), 10)
	b = append(append(append(b, ':'), source...), original...)
	sum := sha1.Sum(b)
	id := ID(sum[:len(ID{})])
	id[6], id[8] = id[6]&0x0f|version5, id[8]&0x3f|variant
	return id
}

// adoptID gives an event the ID that it came with, or a NamedID. Its Source must be set,
// its Meta be there and its own.
func (e *Event) adoptID(original string) {
	if id, err := ParseID(original); err == nil {
		e.ID = id
		return
	}
	e.ID = NamedID(e.Source, original)
	e.Meta[MetaOriginalID] = original
}
