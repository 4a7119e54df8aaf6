package event

import (
	"errors"
	"fmt"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

// The protobuf form of CloudEvents is read and written here by hand: its Go code, of which
// there is the SDK's, registers names of which a program may have one only.
//
//	CloudEvent { id = 1; source = 2; spec_version = 3; type = 4;
//	             map<string, Value> attributes = 5;
//	             oneof { bytes binary_data = 6; string text_data = 7; Any proto_data = 8 } }
//	Value      { oneof { bool = 1; int32 = 2; string = 3; bytes = 4; uri = 5; uri_ref = 6; Timestamp = 7 } }
//	Batch      { repeated CloudEvent events = 1 }

const (
	whatCloudProto      = "CloudEvents protobuf"
	whatCloudProtoBatch = "CloudEvents protobuf batch"
)

// The numbers of the fields of a CloudEvent.
const (
	protoID protowire.Number = iota + 1
	protoSource
	protoSpecVersion
	protoType
	protoAttributes
	protoBinary
	protoText
	protoAny
)

// ParseCloudEventProto reads an event of CloudEvents 1.0 in its protobuf form,
// io.cloudevents.v1.CloudEvent ("structured mode", application/cloudevents+protobuf).
//
// The attributes are those of ParseCloudEvent; one that is no string there is put into
// Meta as CloudEvents writes it as a string: bytes in base64, a time in RFC 3339. Data is
// binary_data or text_data as it is, or the value of proto_data: then the DataType is
// Protobuf if none is said, and dataschema in Meta the type URL. What
// MarshalCloudEventProto has written is read back the same.
//
// Every error is a *ParseError. Data may be a view of b.
func ParseCloudEventProto(b []byte) (Event, error) {
	m, err := readCloudProto(b)
	if err != nil {
		return Event{}, &ParseError{What: whatCloudProto, Offset: -1, Err: err}
	}
	e, err := m.event()
	if err != nil {
		return Event{}, fieldError(whatCloudProto, err)
	}
	return e, nil
}

// ParseCloudEventsProto ranges over the events of a batch in the protobuf form,
// io.cloudevents.v1.CloudEventBatch, as ParseCloudEvents does over one in JSON.
func ParseCloudEventsProto(b []byte) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		place := 0
		err := eachField(b, func(f protoField) error {
			if f.number != 1 {
				return nil
			}
			if f.kind != protowire.BytesType {
				return errWireType
			}
			e, err := ParseCloudEventProto(f.bytes)
			if err != nil {
				err = inProtoBatch(place, err)
			}
			if !yield(e, err) || err != nil {
				return errEnough
			}
			place++
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Event{}, &ParseError{What: whatCloudProtoBatch, Offset: -1, Err: err})
		}
	}
}

var (
	errEnough   = errors.New("enough")
	errWireType = errors.New("a field has another type than it should have")
)

// inProtoBatch says of which event of a batch an error is.
func inProtoBatch(place int, err error) error {
	p, _ := errors.AsType[*ParseError](err)
	at := fmt.Sprintf("[%d]", place)
	q := &ParseError{What: whatCloudProtoBatch, Field: at, Offset: -1, Err: &InvalidError{Field: at, Reason: "is malformed: " + p.Err.Error(), Err: p.Err}}
	if inv, ok := errors.AsType[*InvalidError](err); ok {
		q.Field += "." + inv.Field
		q.Err = &InvalidError{Field: q.Field, Reason: inv.Reason, Err: inv.Err}
	}
	return q
}

// protoField is one field as it stands: a number, or bytes.
type protoField struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64
	bytes  []byte
}

// eachField calls f with the fields of a message, in their order.
func eachField(b []byte, f func(protoField) error) error {
	for len(b) > 0 {
		var (
			field protoField
			n     int
		)
		if field.number, field.kind, n = protowire.ConsumeTag(b); n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		switch field.kind {
		case protowire.VarintType:
			field.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			field.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(field.number, field.kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(field); err != nil {
			return err
		}
	}
	return nil
}
