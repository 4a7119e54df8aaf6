package state

import (
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// The meta keys of a dead letter.
const (
	// DeadPrefix begins all of them.
	DeadPrefix = eventnode.ReservedMeta + "dead."
	// DeadReason says why: max_deliver, or the reason of a terminate.
	DeadReason = DeadPrefix + "reason"
	// DeadGroup is the consumer group that gave it up.
	DeadGroup = DeadPrefix + "group"
	// DeadStream is the stream it was in, DeadPosition its position there.
	DeadStream   = DeadPrefix + "stream"
	DeadPosition = DeadPrefix + "position"
	// DeadDeliveries is how often it was delivered.
	DeadDeliveries = DeadPrefix + "deliveries"
)

// The numbers of the fields of eventnode.v1.Event and of a map's entry.
const (
	eventMeta  = 6
	entryKey   = 1
	entryValue = 2
)

// deadMeta is a key and a value.
type deadMeta struct{ key, value string }

// withDeadMeta is a record with more meta. The bytes that the event came with are
// not touched: a map's entry may stand behind all other fields. What cannot be read
// as an event stays as it is.
func withDeadMeta(record []byte, meta []deadMeta) []byte {
	rec, _, err := wire.NextRecord(record)
	if err != nil || !wellFormed(rec.Event) {
		return record
	}
	ev := append([]byte(nil), rec.Event...)
	for _, m := range meta {
		entry := protowire.AppendString(protowire.AppendTag(nil, entryKey, protowire.BytesType), m.key)
		entry = protowire.AppendString(protowire.AppendTag(entry, entryValue, protowire.BytesType), m.value)
		ev = protowire.AppendBytes(protowire.AppendTag(ev, eventMeta, protowire.BytesType), entry)
	}
	return wire.AppendRecord(nil, rec.Topics.Strings(nil), ev)
}

// wellFormed reports whether bytes are whole fields.
func wellFormed(b []byte) bool {
	for len(b) > 0 {
		_, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// withoutDeadMeta is its inverse.
func withoutDeadMeta(record []byte) []byte {
	rec, _, err := wire.NextRecord(record)
	if err != nil {
		return record
	}
	var ev []byte
	for rest := rec.Event; len(rest) > 0; {
		num, typ, n := protowire.ConsumeField(rest)
		if n < 0 {
			return record
		}
		if num != eventMeta || typ != protowire.BytesType || !isDeadMeta(rest[:n]) {
			ev = append(ev, rest[:n]...)
		}
		rest = rest[n:]
	}
	return wire.AppendRecord(nil, rec.Topics.Strings(nil), ev)
}

// isDeadMeta reports whether a field is an entry of a dead letter's meta.
func isDeadMeta(field []byte) bool {
	_, _, n := protowire.ConsumeTag(field)
	entry, _ := protowire.ConsumeBytes(field[n:])
	for len(entry) > 0 {
		num, typ, n := protowire.ConsumeField(entry)
		if n < 0 {
			return false
		}
		if num == entryKey && typ == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(entry)
			key, _ := protowire.ConsumeBytes(entry[tag:n])
			return strings.HasPrefix(string(key), DeadPrefix)
		}
		entry = entry[n:]
	}
	return false
}
