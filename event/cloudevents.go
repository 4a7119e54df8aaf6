package event

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"strings"
)

const whatCloudEvent = "CloudEvents JSON"

// ParseCloudEvent reads an event of CloudEvents 1.0 in its JSON form ("structured mode").
//
// type is the Name, partitionkey the Key, datacontenttype the DataType; id is the ID if
// it is a UUID, else the ID is a NamedID of source and id, and Meta has the original
// (MetaOriginalID). subject, dataschema and every extension are in Meta, numbers and
// booleans as they are written. data is as it came; data_base64 is decoded. What
// MarshalCloudEvent has written is read back the same.
//
// Every error is a *ParseError.
func ParseCloudEvent(b []byte) (Event, error) {
	fields, err := parseObject(whatCloudEvent, b)
	if err != nil {
		return Event{}, err
	}
	e := Event{}
	attributes, invalidErr := attributesOf(fields)
	if invalidErr == nil {
		invalidErr = e.setAttributes(attributes)
	}
	if invalidErr == nil {
		invalidErr = e.setCloudData(fields)
	}
	if invalidErr == nil {
		invalidErr = renamed(e.Validate(), cloudNames)
	}
	if invalidErr != nil {
		return Event{}, fieldError(whatCloudEvent, invalidErr)
	}
	return e, nil
}

// attributesOf are the attributes in their string form. Its errors are *InvalidError.
func attributesOf(fields map[string]json.RawMessage) (map[string]string, error) {
	attributes := make(map[string]string, len(fields))
	for name, raw := range fields {
		switch {
		case name == cloudData || name == cloudData64:
		case raw[0] == 'n': // null: the attribute is not there
		case raw[0] == '"':
			attributes[name] = string(unquote(raw))
		case isCore(name):
			return nil, invalid(name, "is not a string")
		case raw[0] == '{' || raw[0] == '[':
			return nil, invalid(name, "is neither a string nor a number nor a boolean")
		default:
			attributes[name] = string(raw)
		}
	}
	return attributes, nil
}

// setCloudData sets the data.
func (e *Event) setCloudData(fields map[string]json.RawMessage) (err error) {
	data, has := fields[cloudData]
	if _, both := fields[cloudData64]; both {
		var encoded string
		if err = setString(fields, cloudData64, &encoded); err != nil {
			return err
		}
		if has {
			return invalid(cloudData64, "stands beside data: only one of them may be there")
		}
		if e.Data, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return invalid(cloudData64, "is not base64")
		}
		if len(e.Data) == 0 {
			e.Data = nil
		}
		return nil
	}
	if has && e.DataType == "" {
		e.DataType = JSON
	}
	if string(data) == "null" { // the attribute is not there
		return nil
	}
	e.Data, err = parseData(fields, isCloudJSON(e.DataType))
	return err
}

// isCloudJSON is isJSON as CloudEvents has it, for which text/json is JSON, too.
func isCloudJSON(mediaType string) bool {
	if isJSON(mediaType) {
		return true
	}
	base, _, err := mime.ParseMediaType(mediaType)
	return err == nil && strings.HasSuffix(base, "/json")
}
