package event

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// ExternalEvent is an event of a name that nobody registered: what Decode makes of it.
// It has every field that came, and can be read as a type later (Into).
//
// It is not produced (ErrExternalEvent): who produces events makes them, and has a type
// for them. Who forwards what others made says so, and produces its Event.
type ExternalEvent struct {
	Event
}

// Into reads the data into what v points to, a struct or a protobuf message, by the
// rules of Decode. It need not be registered; if its type is, in the default registry,
// the event must have its name.
func (x ExternalEvent) Into(v any) error { return defaultRegistry.Into(x.Event, v) }

// Fields returns the data's own fields, by name, as JSON each. Data that is not a JSON
// object is a *ParseError; no data at all has none.
func (x ExternalEvent) Fields() (map[string]json.RawMessage, error) {
	if len(x.Data) == 0 {
		return map[string]json.RawMessage{}, nil
	}
	if x.DataType != "" && !isJSON(x.DataType) {
		return nil, wrong(&x.Event, "data_type", "is not JSON", nil)
	}
	fields, err := parseObject("data", x.Data)
	if err != nil {
		err.Name = x.Name
		return nil, err
	}
	for name, value := range fields {
		fields[name] = bytes.Clone(value) // the data stays the event's own
	}
	return fields, nil
}

// isExternal reports whether v is an ExternalEvent, or a pointer to one.
func isExternal(v any) bool {
	typ := reflect.TypeOf(v)
	return typ != nil && baseOf(typ) == reflect.TypeFor[ExternalEvent]()
}
