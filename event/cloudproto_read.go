package event

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// cloudProto is a CloudEvent message: its values as they stand. Where one message stands
// more than once inside another, its parts are put together, as protobuf has it: which is
// to put their bytes together.
type cloudProto struct {
	own    map[string]string // id, source, specversion, type
	values map[string][]byte // attributes, each a Value
	which  protowire.Number  // of the three forms of data; 0: none
	data   []byte
}

func readCloudProto(b []byte) (*cloudProto, error) {
	m := &cloudProto{own: map[string]string{}, values: map[string][]byte{}}
	return m, eachField(b, m.add)
}

// add takes one field.
func (m *cloudProto) add(f protoField) error {
	if f.number < protoID || f.number > protoAny {
		return nil // of a later version
	}
	if f.kind != protowire.BytesType {
		return errWireType
	}
	if (f.number <= protoType || f.number == protoText) && !utf8.Valid(f.bytes) {
		return errNotUTF8
	}
	switch f.number {
	case protoID:
		m.own["id"] = string(f.bytes)
	case protoSource:
		m.own["source"] = string(f.bytes)
	case protoSpecVersion:
		m.own["specversion"] = string(f.bytes)
	case protoType:
		m.own["type"] = string(f.bytes)
	case protoAttributes:
		return m.addAttribute(f.bytes)
	case protoAny:
		if m.which == protoAny {
			f.bytes = append(m.data[:len(m.data):len(m.data)], f.bytes...)
		}
		fallthrough
	default:
		m.which, m.data = f.number, f.bytes
	}
	return nil
}

// addAttribute takes an entry of the map.
func (m *cloudProto) addAttribute(b []byte) error {
	var name string
	var value []byte
	err := eachField(b, func(f protoField) error {
		switch {
		case f.number != 1 && f.number != 2:
		case f.kind != protowire.BytesType:
			return errWireType
		case f.number == 1 && !utf8.Valid(f.bytes):
			return errNotUTF8
		case f.number == 1:
			name = string(f.bytes)
		default:
			value = append(value, f.bytes...)
		}
		return nil
	})
	m.values[name] = value
	return err
}

// event makes an event of it. Its errors are *InvalidError.
func (m *cloudProto) event() (Event, error) {
	attributes := m.own
	for name, value := range m.values {
		if _, twice := attributes[name]; twice || name == "id" || name == "source" || name == "specversion" || name == "type" {
			return Event{}, invalid(name, "stands among the attributes: it has a field of its own")
		}
		text, err := readValue(name, value)
		if err != nil {
			return Event{}, err
		}
		attributes[name] = text
	}
	data, err := m.dataOf(attributes)
	if err != nil {
		return Event{}, err
	}
	e := Event{}
	if err := e.setAttributes(attributes); err != nil {
		return Event{}, err
	}
	if len(data) > 0 {
		e.Data = data
	}
	return e, renamed(e.Validate(), cloudNames)
}

// dataOf is the data; of an Any its value, and what it says of itself is put into the
// attributes, unless they say it.
func (m *cloudProto) dataOf(attributes map[string]string) (value []byte, err error) {
	if m.which != protoAny {
		return m.data, nil
	}
	schema := ""
	err = eachField(m.data, func(f protoField) error {
		switch {
		case f.number != 1 && f.number != 2:
		case f.kind != protowire.BytesType:
			return errWireType
		case f.number == 1 && !utf8.Valid(f.bytes):
			return errNotUTF8
		case f.number == 1:
			schema = string(f.bytes)
		default:
			value = f.bytes
		}
		return nil
	})
	if err != nil {
		return nil, &InvalidError{Field: "proto_data", Reason: "is malformed: " + err.Error(), Err: err}
	}
	if _, said := attributes["dataschema"]; !said && schema != "" {
		attributes["dataschema"] = schema
	}
	if attributes["datacontenttype"] == "" {
		attributes["datacontenttype"] = Protobuf
	}
	return value, nil
}

// readValue is an attribute as CloudEvents writes it as a string.
func readValue(name string, b []byte) (text string, err error) {
	var last protoField
	err = eachField(b, func(f protoField) error {
		switch {
		case f.number < 1 || f.number > 7:
			return nil
		case (f.number <= 2) != (f.kind == protowire.VarintType) || f.number > 2 && f.kind != protowire.BytesType:
			return errWireType
		case (f.number == 3 || f.number == 5 || f.number == 6) && !utf8.Valid(f.bytes):
			return errNotUTF8
		case f.number == 7 && last.number == 7:
			f.bytes = append(last.bytes[:len(last.bytes):len(last.bytes)], f.bytes...)
		}
		last = f
		return nil
	})
	if err != nil {
		return "", &InvalidError{Field: name, Reason: "is malformed: " + err.Error(), Err: err}
	}
	switch last.number {
	case 0:
		return "", invalid(name, "has no value")
	case 1:
		return strconv.FormatBool(last.varint != 0), nil
	case 2:
		return strconv.Itoa(int(int32(last.varint))), nil //nolint:gosec // protobuf cuts it so
	case 4:
		return base64.StdEncoding.EncodeToString(last.bytes), nil
	case 7:
		return readTimestamp(name, last.bytes)
	default:
		return string(last.bytes), nil
	}
}

// readTimestamp is a google.protobuf.Timestamp in the form of RFC 3339.
func readTimestamp(name string, b []byte) (string, error) {
	var seconds int64
	var nanos int32
	err := eachField(b, func(f protoField) error {
		switch {
		case f.number != 1 && f.number != 2:
		case f.kind != protowire.VarintType:
			return errWireType
		case f.number == 1:
			seconds = int64(f.varint) //nolint:gosec // protobuf has it so
		default:
			nanos = int32(f.varint) //nolint:gosec // protobuf cuts it so
		}
		return nil
	})
	if err != nil {
		return "", &InvalidError{Field: name, Reason: "is malformed: " + err.Error(), Err: err}
	}
	at := time.Unix(seconds, int64(nanos)).UTC()
	if nanos < 0 || nanos > 999_999_999 || at.Year() < 1 || at.Year() > 9999 {
		return "", invalid(name, "is no time between the years 1 and 9999")
	}
	return at.Format(time.RFC3339Nano), nil
}
