package encoding

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/eventnode/eventnode/sessions"
)

// The forms of an event that are kept with it.
const (
	formJSON sessions.Form = iota // its data only, which is its own if nothing is wrong with it
	formETF
	formJSONDeflate
	formETFDeflate
	formJSONZstd
	formETFZstd
)

// shared is the part of an event's message that is the same for all sessions, made by the
// first who asks. Without compression that of JSON is only the data.
func (w *Writer) shared(e *sessions.Event) ([]byte, error) {
	switch {
	case w.compression == None && w.format == JSON:
		return e.Encoded(formJSON, func(e *sessions.Event) ([]byte, error) { return checked(e.Data) })
	case w.compression == None:
		return e.Encoded(formETF, eventETF)
	case w.compression == ZstdStream && w.format == JSON:
		return e.Encoded(formJSONZstd, func(e *sessions.Event) ([]byte, error) { return zstdPart(eventJSON(e)) })
	case w.compression == ZstdStream:
		return e.Encoded(formETFZstd, func(e *sessions.Event) ([]byte, error) { return zstdPart(eventETF(e)) })
	case w.format == JSON:
		return e.Encoded(formJSONDeflate, func(e *sessions.Event) ([]byte, error) { return deflatePart(eventJSON(e)) })
	default:
		return e.Encoded(formETFDeflate, func(e *sessions.Event) ([]byte, error) { return deflatePart(eventETF(e)) })
	}
}

// checked is data as it is sent; the error is for whoever made the event.
func checked(data []byte) ([]byte, error) {
	text, err := checkJSON(data)
	if wrong, ok := errors.AsType[*DecodeError](err); ok {
		return nil, &DataError{Offset: wrong.Offset, Reason: wrong.Reason}
	}
	return text, err
}

func eventJSON(e *sessions.Event) ([]byte, error) {
	data, err := checked(e.Data)
	if err != nil {
		return nil, err
	}
	return appendRestJSON(make([]byte, 0, len(e.Type)+len(data)+16), e.Type, data), nil
}

func eventETF(e *sessions.Event) ([]byte, error) {
	data, err := checked(e.Data)
	if err != nil {
		return nil, err
	}
	part := make([]byte, 0, len(e.Type)+len(data)+32)
	return appendRestETF(part, e.Type, data)
}

// A payload is a head, with the opcode and the sequence number, and the rest, with the type
// and the data. Without a type both numbers are null.

func appendHead(dst []byte, f Format, op int, seq uint64, kind string) []byte {
	if f == JSON {
		dst = strconv.AppendInt(append(dst, `{"op":`...), int64(op), 10)
		if dst = append(dst, `,"s":`...); kind == "" {
			return append(dst, "null,"...)
		}
		return append(strconv.AppendUint(dst, seq, 10), ',')
	}
	dst = append(dst, etfVersion, tagMap, 0, 0, 0, 4)
	dst = appendInt(appendAtom(dst, "op"), int64(op))
	if dst = appendAtom(dst, "s"); kind == "" {
		return appendAtom(dst, "nil")
	}
	return appendUint(dst, seq)
}

func appendRestJSON(dst []byte, kind string, data []byte) []byte {
	dst = append(dst, `"t":`...)
	switch {
	case kind == "":
		dst = append(dst, "null"...)
	case isType(kind):
		dst = append(append(append(dst, '"'), kind...), '"')
	default:
		dst = appendQuoted(dst, kind)
	}
	return append(append(append(dst, `,"d":`...), data...), '}')
}

func appendRestETF(dst []byte, kind string, data []byte) ([]byte, error) {
	dst = appendAtom(dst, "t")
	switch {
	case kind == "":
		dst = appendAtom(dst, "nil")
	case isType(kind):
		dst = appendAtom(dst, kind)
	default:
		dst = appendBinary(dst, repair([]byte(kind)))
	}
	dst, err := appendTerm(appendAtom(dst, "d"), data)
	if wrong, ok := errors.AsType[*DecodeError](err); ok {
		return dst, &DataError{Offset: wrong.Offset, Reason: wrong.Reason + ", which ETF does not have"}
	}
	return dst, err
}

// isType reports whether the type of an event is one as the protocol's: upper-case letters, digits and
// underscores.
func isType(kind string) bool {
	for i := range len(kind) {
		if c := kind[i]; c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(kind) < 256
}

// rest is what follows the head in a payload that is for one session.
func (w *Writer) rest(kind string, d any) ([]byte, error) {
	data, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	if w.format == JSON {
		return appendRestJSON(make([]byte, 0, len(data)+len(kind)+16), kind, repair(data)), nil
	}
	return appendRestETF(nil, kind, data)
}
