package event

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// MarshalCloudEventProto writes the event in the protobuf form of CloudEvents 1.0;
// ParseCloudEventProto reads it back the same. CloudAttributes says how the fields are
// called; the same event is written in the same bytes always.
//
// Data is binary_data, as the official SDKs write it, or proto_data if DataType is
// Protobuf; time is a timestamp, dataschema a URI, everything else a string.
//
// An event that does not pass Validate is an *InvalidError.
func (e Event) MarshalCloudEventProto() ([]byte, error) { return e.appendCloudProto(nil) }

// MarshalCloudEventsProto writes a batch in the protobuf form, which ParseCloudEventsProto
// reads.
func MarshalCloudEventsProto(events []Event) (b []byte, err error) {
	for i := range events {
		one, err := events[i].MarshalCloudEventProto()
		if err != nil {
			return nil, err
		}
		b = appendField(b, 1, one)
	}
	return b, nil
}

// MarshalCloudEvents writes a batch in the JSON form, which ParseCloudEvents reads.
func MarshalCloudEvents(events []Event) ([]byte, error) {
	b := []byte{'['}
	for i := range events {
		one, err := events[i].MarshalCloudEvent()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, one...)
	}
	return append(b, ']'), nil
}

func appendField[V string | []byte](b []byte, number protowire.Number, value V) []byte {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	return protowire.AppendBytes(b, []byte(value))
}

func (e *Event) appendCloudProto(b []byte) ([]byte, error) {
	attributes, err := e.CloudAttributes()
	if err != nil {
		return nil, err
	}
	b = appendField(b, protoID, attributes["id"])
	b = appendField(b, protoSource, attributes["source"])
	b = appendField(b, protoSpecVersion, attributes["specversion"])
	b = appendField(b, protoType, attributes["type"])
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if name != "id" && name != "source" && name != "specversion" && name != "type" {
			entry := appendField(appendField(nil, 1, name), 2, e.protoValue(name, attributes[name]))
			b = appendField(b, protoAttributes, entry)
		}
	}
	switch {
	case len(e.Data) == 0:
	case e.DataType == Protobuf:
		b = appendField(b, protoAny, appendField(appendField(nil, 1, attributes["dataschema"]), 2, e.Data))
	default:
		b = appendField(b, protoBinary, e.Data)
	}
	return b, nil
}

// protoValue is the Value of an attribute.
func (e *Event) protoValue(name, text string) []byte {
	switch name {
	case "time":
		at := timeOrID(e.Time, e.ID)
		stamp := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(at.Unix()))               //nolint:gosec // protobuf has it so
		stamp = protowire.AppendVarint(protowire.AppendTag(stamp, 2, protowire.VarintType), uint64(int64(at.Nanosecond()))) //nolint:gosec // below 1e9
		return appendField(nil, 7, stamp)
	case "dataschema":
		return appendField(nil, 5, text)
	}
	return appendField(nil, 3, text)
}
