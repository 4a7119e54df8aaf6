package streams

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// reservedMeta begins the meta keys that the project writes itself.
const reservedMeta = "eventnode."

// The numbers of Event's fields, and of a map entry's, that a stream looks at.
const (
	eventID   = 1
	eventKey  = 3
	eventMeta = 6
	entryKey  = 1
	idBytes   = len(event.ID{})
)

// inspected is what a stream keeps beside an event: views of its bytes.
type inspected struct {
	id, key []byte
}

// inspect checks an event from outside and takes out what a stream needs of it.
func inspect(encoded []byte, maxBytes int) (inspected, error) {
	if len(encoded) > maxBytes {
		return inspected{}, &eventnode.LimitError{Limit: "max_event_bytes", Max: maxBytes, Got: len(encoded)}
	}
	if err := wire.CheckEvent(encoded); err != nil {
		return inspected{}, err
	}
	var ev inspected
	for b := encoded; len(b) > 0; { // well-formed, for it was checked
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ev, malformedEvent()
		}
		b = b[n:]
		if typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return ev, malformedEvent()
			}
			b = b[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return ev, malformedEvent()
		}
		b = b[n:]
		switch int(num) {
		case eventID:
			ev.id = value
		case eventKey:
			ev.key = value
		case eventMeta:
			if err := checkMeta(value); err != nil {
				return ev, err
			}
		}
	}
	return ev, nil
}

// checkMeta refuses an entry of the map whose key is the project's own.
func checkMeta(entry []byte) error {
	for len(entry) > 0 {
		num, typ, n := protowire.ConsumeTag(entry)
		if n < 0 {
			return malformedEvent()
		}
		size := protowire.ConsumeFieldValue(num, typ, entry[n:])
		if size < 0 {
			return malformedEvent()
		}
		if num == entryKey && typ == protowire.BytesType {
			if key, _ := protowire.ConsumeBytes(entry[n:]); strings.HasPrefix(string(key), reservedMeta) {
				return invalidEvent("meta", fmt.Sprintf("has the key %.80q: keys that begin with %q are the project's own", key, reservedMeta))
			}
		}
		entry = entry[n+size:]
	}
	return nil
}

func malformedEvent() error { return invalidEvent("event", "is malformed") }

func invalidEvent(field, reason string) error {
	return fmt.Errorf("%w: %w", eventnode.ErrInvalidEvent, &event.InvalidError{Field: field, Reason: reason})
}

// slotOf is the slot of an event's key; 0: it has none.
func slotOf(key []byte) uint16 {
	if len(key) == 0 {
		return 0
	}
	return uint16(1 + xxhash.Sum64(key)%state.KeySlots)
}

// putSlot notes the slot of the event at a place; without any slot there are no
// bytes.
func putSlot(slots []byte, place, count int, slot uint16) []byte {
	if slot == 0 {
		return slots
	}
	if slots == nil {
		slots = make([]byte, slotBytes*count)
	}
	binary.BigEndian.PutUint16(slots[slotBytes*place:], slot)
	return slots
}

// slotBytes is the length of a slot.
const slotBytes = 2
