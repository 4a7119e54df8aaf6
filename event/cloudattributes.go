package event

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// The members of the JSON form that are no attributes.
const (
	cloudData   = "data"
	cloudData64 = "data_base64"
)

const (
	// cloudMeta is the extension with what of Meta has no name of an attribute: a JSON
	// object of strings. An entry without a name, which Meta cannot have, is a Source that
	// cannot stand as such.
	cloudMeta = "eventnodemeta"
	// cloudNoSource is the source of an event that has none: CloudEvents wants one.
	cloudNoSource = "eventnode:none"
)

// coreAttributes are those that are fields of an event, in the order in which they are
// written.
var coreAttributes = [...]string{"specversion", "id", "source", "type", "time", "partitionkey", "datacontenttype"}

// cloudNames are the names that the fields of an event have in CloudEvents.
var cloudNames = map[string]string{"name": "type", "key": "partitionkey", "data_type": "datacontenttype"}

func isCore(attribute string) bool { return slices.Contains(coreAttributes[:], attribute) }

// FromCloudEvent makes an event of the attributes of CloudEvents 1.0, each under its
// name and as a string, and of the data as it is: what a protocol carries that is not
// JSON, such as the headers and the body of an HTTP request ("binary mode"). It reads
// them as ParseCloudEvent does, and keeps neither the map nor a copy of data.
//
// Every error is a *ParseError.
func FromCloudEvent(attributes map[string]string, data []byte) (Event, error) {
	e := Event{}
	err := e.setAttributes(attributes)
	if err == nil {
		if len(data) > 0 {
			e.Data = data
		}
		err = renamed(e.Validate(), cloudNames)
	}
	if err != nil {
		return Event{}, fieldError("CloudEvent", err)
	}
	return e, nil
}

// setAttributes sets all but the data. Its errors are *InvalidError.
func (e *Event) setAttributes(attributes map[string]string) error {
	for _, required := range [...]string{"specversion", "id", "source", "type"} {
		if attributes[required] == "" {
			return invalid(required, "is missing")
		}
	}
	if attributes["specversion"] != "1.0" {
		return invalid("specversion", "is not 1.0")
	}
	e.Name, e.Key, e.DataType = attributes["type"], attributes["partitionkey"], attributes["datacontenttype"]
	if e.Source = attributes["source"]; e.Source == cloudNoSource {
		e.Source = ""
	}
	e.Meta = make(map[string]string)
	if err := e.setExtensions(attributes); err != nil {
		return err
	}
	e.adoptID(attributes["id"])
	if len(e.Meta) == 0 {
		e.Meta = nil
	}
	at, err := parseTime(attributes["time"], e.ID)
	e.Time = at
	return err
}

// setExtensions puts all attributes that are no field of an event into Meta.
func (e *Event) setExtensions(attributes map[string]string) error {
	for name, value := range attributes {
		switch {
		case isCore(name), name == cloudMeta:
		case name == cloudData, name == cloudData64:
			return invalid(name, "is not the name of an attribute")
		default:
			e.Meta[name] = value
		}
	}
	if attributes[cloudMeta] == "" {
		return nil
	}
	raw := bytes.TrimSpace([]byte(attributes[cloudMeta]))
	if !json.Valid(raw) { // it stood in a string: nobody has looked into it yet
		return invalid(cloudMeta, "is not a JSON object of strings")
	}
	more, err := parseMeta(raw)
	if err != nil {
		return invalid(cloudMeta, "is not a JSON object of strings")
	}
	if source, ok := more[""]; ok {
		e.Source = source
		delete(more, "")
	}
	maps.Copy(e.Meta, more)
	return nil
}

// CloudAttributes are the attributes that the event has in CloudEvents 1.0, as
// FromCloudEvent reads them. What of Meta has no name that an attribute may have (small
// letters and digits), or the name of another attribute, stands in the extension
// eventnodemeta, as a JSON object. An event without a Source has the source
// "eventnode:none".
//
// An event that does not pass Validate is an *InvalidError.
func (e Event) CloudAttributes() (map[string]string, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	attributes := map[string]string{"specversion": "1.0", "id": e.cloudID(), "source": e.Source, "type": e.Name}
	if e.Source == "" {
		attributes["source"] = cloudNoSource
	}
	if t := timeOrID(e.Time, e.ID); !t.IsZero() {
		attributes["time"] = t.UTC().Format(time.RFC3339Nano)
	}
	if e.Key != "" {
		attributes["partitionkey"] = e.Key
	}
	if e.DataType != "" {
		attributes["datacontenttype"] = e.DataType
	}
	return attributes, e.addExtensions(attributes)
}

// cloudID is the id as it came, or the ID.
func (e *Event) cloudID() string {
	original := e.Meta[MetaOriginalID]
	if _, err := ParseID(original); original != "" && err != nil && NamedID(e.Source, original) == e.ID {
		return original
	}
	return e.ID.String()
}

// addExtensions adds what is in Meta.
func (e *Event) addExtensions(attributes map[string]string) error {
	var others map[string]string
	if e.Source == cloudNoSource {
		others = map[string]string{"": e.Source}
	}
	original := attributes["id"] != e.ID.String() // then it is the id, and no extension
	for name, value := range e.Meta {
		switch {
		case original && name == MetaOriginalID:
		case isExtension(name, value):
			attributes[name] = value
		case others == nil:
			others = map[string]string{name: value}
		default:
			others[name] = value
		}
	}
	if others == nil {
		return nil
	}
	text, err := marshal(others)
	attributes[cloudMeta] = string(text)
	return err
}

// isExtension reports whether an entry of Meta can be an attribute of its own.
func isExtension(name, value string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	switch name {
	case cloudData, cloudMeta:
		return false
	case "subject", "dataschema": // they are not there rather than empty
		return value != ""
	}
	return !isCore(name)
}
