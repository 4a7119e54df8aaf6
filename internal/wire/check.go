package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// The numbers of Event's fields.
const (
	fieldID       = 1
	fieldName     = 2
	fieldKey      = 3
	fieldTime     = 4
	fieldSource   = 5
	fieldMeta     = 6
	fieldData     = 7
	fieldDataType = 8
)

// CheckEvent returns nil if every protobuf decoder accepts b as an Event and
// that event passes event.Validate; else ErrInvalidEvent, wrapping an
// *event.InvalidError. It does not allocate unless it fails.
//
// It refuses a little of what decoders accept: known fields of another wire
// type, groups, tags and lengths of more than five bytes, and fields said twice
// of which the first is bad.
func CheckEvent(b []byte) error {
	n := usualStart(b)
	if n > 0 && usualRest(b[n:]) {
		return nil
	}
	hasID, hasName := n > 0, n > 0
	b = b[n:]
	for len(b) > 0 {
		f, ok := nextField(b)
		if !ok {
			return invalidEvent("event", "is malformed")
		}
		b = b[f.size:]
		if name, reason := checkField(f); reason != "" {
			return invalidEvent(name, reason)
		}
		hasID = hasID || f.num == fieldID
		hasName = hasName || f.num == fieldName
	}
	return missing(hasID, hasName)
}

// missing is the error for an event that lacks a required field.
func missing(hasID, hasName bool) error {
	switch {
	case !hasID:
		return invalidEvent("id", "is missing")
	case !hasName:
		return invalidEvent("name", "is missing")
	}
	return nil
}

// Nearly all events begin with a good ID and a short name in plain ASCII, and have
// nothing else but data, and perhaps a time. To see that takes a fraction of the
// time of the way that is right for all of them; BenchmarkCheckEvent has both.

const (
	idTag   = fieldID<<3 | byte(protowire.BytesType)
	nameTag = fieldName<<3 | byte(protowire.BytesType)
	timeTag = fieldTime<<3 | byte(protowire.Fixed64Type)
	dataTag = fieldData<<3 | byte(protowire.BytesType)

	// idEnd is where a leading ID ends.
	idEnd = 2 + len(event.ID{})
)

// usualStart is the size of a good ID and a good name at the start of b; 0 if
// that takes a closer look.
func usualStart(b []byte) int {
	if len(b) < idEnd+2 || b[0] != idTag || b[1] != byte(len(event.ID{})) || b[idEnd] != nameTag {
		return 0
	}
	if binary.NativeEndian.Uint64(b[2:])|binary.NativeEndian.Uint64(b[10:]) == 0 {
		return 0
	}
	end := idEnd + 2 + int(b[idEnd+1]) // a length of two bytes looks like one over 127
	if b[idEnd+1]-1 >= 0x7f || end > len(b) {
		return 0
	}
	for _, c := range b[idEnd+2 : end] {
		if c-' ' > '~'-' ' {
			return 0
		}
	}
	return end
}

// usualRest reports whether b is nothing, or data, perhaps behind a time.
func usualRest(b []byte) bool {
	const timeSize = 1 + 8
	if len(b) >= timeSize && b[0] == timeTag {
		b = b[timeSize:]
	}
	if len(b) == 0 {
		return true
	}
	if b[0] != dataTag {
		return false
	}
	_, n := delimited(b[1:])
	return n > 0 && n == len(b)-1
}

func invalidEvent(field, reason string) error {
	return fmt.Errorf("%w: %w", eventnode.ErrInvalidEvent, &event.InvalidError{Field: field, Reason: reason})
}

// checkField returns what is wrong with a field; "" if nothing is. Fields that
// are not known are good.
func checkField(f field) (name, reason string) {
	if f.num <= fieldDataType && f.typ != wireType(f.num) {
		return "event", "has a field of the wrong type"
	}
	switch f.num {
	case fieldID:
		return "id", checkID(f.val)
	case fieldName:
		return "name", checkName(f.val)
	case fieldKey:
		if len(f.val) > event.MaxKey {
			return "key", "is longer than 255 bytes"
		}
		return "key", checkText(f.val)
	case fieldSource:
		return "source", checkText(f.val)
	case fieldMeta:
		return "meta", checkMeta(f.val)
	case fieldDataType:
		return "data_type", checkText(f.val)
	}
	return "", ""
}

func wireType(num int) protowire.Type {
	if num == fieldTime {
		return protowire.Fixed64Type
	}
	return protowire.BytesType
}

func checkID(b []byte) string {
	if len(b) != len(event.ID{}) {
		return "is not 16 bytes"
	}
	if event.ID(b) == (event.ID{}) {
		return "is the nil UUID"
	}
	return ""
}

func checkName(b []byte) string {
	switch {
	case len(b) == 0:
		return "is missing"
	case len(b) > event.MaxName:
		return "is longer than 255 bytes"
	case hasControl(b):
		return "contains a control character"
	}
	return checkText(b)
}

// hasControl reports whether UTF-8 text has a character of Unicode's class Cc:
// U+0000 to U+001F, U+007F to U+009F.
func hasControl(b []byte) bool {
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			return true
		}
		// The second half begins with c2 (in UTF-8 no character ends with it).
		if c == 0xc2 && i+1 < len(b) && b[i+1] < 0xa0 {
			return true
		}
	}
	return false
}

func checkText(b []byte) string {
	if !utf8.Valid(b) {
		return "is not UTF-8"
	}
	return ""
}

// checkMeta checks one entry of the map: a message of key and value.
func checkMeta(entry []byte) string {
	hasKey := false
	for len(entry) > 0 {
		f, ok := nextField(entry)
		if !ok {
			return "is malformed"
		}
		entry = entry[f.size:]
		if f.num > 2 {
			continue
		}
		if f.typ != protowire.BytesType {
			return "has a field of the wrong type"
		}
		if !utf8.Valid(f.val) {
			return "is not UTF-8"
		}
		if f.num == 1 {
			hasKey = len(f.val) > 0
		}
	}
	if !hasKey {
		return "has an empty key"
	}
	return ""
}
