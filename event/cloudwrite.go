package event

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"
)

// MarshalCloudEvent writes the event in the JSON form of CloudEvents 1.0, on one line;
// ParseCloudEvent reads it back the same, byte for byte in Data. CloudAttributes says
// how the fields are called.
//
// Data that is JSON, by DataType and in fact, is the value of "data" as it is; text of
// another DataType is a string there; all else, and JSON of several lines, is
// "data_base64". An encoder that the result passes through may change the spaces in
// "data" (json.Compact does).
//
// An event that does not pass Validate is an *InvalidError.
func (e Event) MarshalCloudEvent() ([]byte, error) {
	attributes, err := e.CloudAttributes()
	if err != nil {
		return nil, err
	}
	b := []byte{'{'}
	for _, name := range coreAttributes {
		if value, ok := attributes[name]; ok {
			if b, err = appendText(b, name, value); err != nil {
				return nil, err
			}
			delete(attributes, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if b, err = appendText(b, name, attributes[name]); err != nil {
			return nil, err
		}
	}
	if b, err = e.appendCloudData(b); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// appendCloudData appends the data as a member of an object.
func (e *Event) appendCloudData(b []byte) ([]byte, error) {
	switch saysJSON := isCloudJSON(e.DataType); {
	case len(e.Data) == 0:
		return b, nil
	case saysJSON && standsAsItIs(e.Data):
		return append(appendName(b, cloudData), e.Data...), nil
	case !saysJSON && e.DataType != "" && utf8.Valid(e.Data):
		return appendText(b, cloudData, string(e.Data))
	}
	return appendText(b, cloudData64, base64.StdEncoding.EncodeToString(e.Data))
}

// standsAsItIs reports whether data is JSON that is read back the same where a value
// stands, and is on one line. null would be no data.
func standsAsItIs(data []byte) bool {
	first, last := data[0], data[len(data)-1]
	return !isSpace(first) && !isSpace(last) && !slices.Contains(data, '\n') && !slices.Contains(data, '\r') &&
		string(data) != "null" && utf8.Valid(data) && json.Valid(data)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// appendText appends a member that is a string.
func appendText(b []byte, name, value string) ([]byte, error) {
	text, err := marshal(value)
	return append(appendName(b, name), text...), err
}

// appendName appends the name of a member, which needs no escapes, and what stands
// around it.
func appendName(b []byte, name string) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}
