package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"
	"unicode/utf8"
)

const whatJSON = "event JSON"

var (
	errNotUTF8 = errors.New("not UTF-8")
	errNull    = errors.New("null is no event")
)

// ParseJSON reads what MarshalJSON writes. id and name are required; without
// time it is the milliseconds inside id; fields that are not known are passed
// over. Every error is a *ParseError. (json.Unmarshal returns an error of its own if
// the JSON is malformed, because it does not come to call UnmarshalJSON then.)
func ParseJSON(b []byte) (Event, error) {
	var e Event
	err := e.UnmarshalJSON(b)
	return e, err
}

// UnmarshalJSON reads an event from JSON. Every error is a *ParseError, and e
// is then as it was.
func (e *Event) UnmarshalJSON(b []byte) error {
	fields, err := parseObject(whatJSON, b)
	if err != nil {
		return err
	}
	var parsed Event
	if err := parsed.setFields(fields); err != nil {
		return fieldError(whatJSON, err)
	}
	if err := parsed.Validate(); err != nil {
		return fieldError(whatJSON, err)
	}
	*e = parsed
	return nil
}

// fieldError wraps an *InvalidError.
func fieldError(what string, err error) error {
	p := &ParseError{What: what, Offset: -1, Err: err}
	if inv, ok := errors.AsType[*InvalidError](err); ok {
		p.Field = inv.Field
	}
	return p
}

// parseObject finds the fields, which share b's memory. A map rather than a struct:
// names are matched exactly, and what is wrong with a value can be told by its name.
// json.Unmarshal, which copies each value, only says what is malformed.
func parseObject(what string, b []byte) (map[string]json.RawMessage, *ParseError) {
	malformed := &ParseError{What: what}
	if i := firstInvalid(b); i >= 0 {
		malformed.Offset, malformed.Err = int64(i)+1, errNotUTF8
		return nil, malformed
	}
	c := cursor{b: b}
	c.space()
	if !json.Valid(b) || b[c.i] != '{' {
		malformed.Err = errNull
		if err := json.Unmarshal(b, new(map[string]json.RawMessage)); err != nil {
			malformed.Offset, malformed.Err = offsetOf(err), err
		}
		return nil, malformed
	}
	fields := make(map[string]json.RawMessage, 8)
	for more := c.enter(); more; more = c.more() {
		name := string(c.key())
		fields[name] = c.skip()
	}
	return fields, nil
}

// firstInvalid is the index of the first byte that is not UTF-8, or -1.
func firstInvalid(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func offsetOf(err error) int64 {
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return s.Offset
	}
	if u, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return u.Offset
	}
	return 0
}

// setFields sets what is there. Its errors are *InvalidError.
func (e *Event) setFields(fields map[string]json.RawMessage) error {
	var id, at string
	for _, f := range [...]struct {
		name string
		into *string
	}{
		{"id", &id},
		{"name", &e.Name},
		{"key", &e.Key},
		{"time", &at},
		{"source", &e.Source},
		{"data_type", &e.DataType},
	} {
		if err := setString(fields, f.name, f.into); err != nil {
			return err
		}
	}
	if id == "" {
		return invalid("id", "is missing")
	}
	var err error
	if e.ID, err = ParseID(id); err != nil {
		return err
	}
	if e.Time, err = parseTime(at, e.ID); err != nil {
		return err
	}
	if e.Meta, err = parseMeta(fields["meta"]); err != nil {
		return err
	}
	e.Data, err = parseData(fields, isJSON(e.DataType))
	return err
}

func setString(fields map[string]json.RawMessage, name string, into *string) error {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	if err := unmarshalString(raw, into); err != nil {
		return invalid(name, "is not a string")
	}
	return nil
}

// unmarshalString is json.Unmarshal into a string, quick for a plain one. raw is well
// formed.
func unmarshalString(raw json.RawMessage, into *string) error {
	if raw[0] == '"' && !slices.Contains(raw, '\\') {
		*into = string(raw[1 : len(raw)-1])
		return nil
	}
	return json.Unmarshal(raw, into)
}

func parseTime(s string, id ID) (time.Time, error) {
	if s == "" {
		return TimeOf(id), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, invalid("time", "is not in the form of RFC 3339")
	}
	return timeOrID(t.UTC(), id), nil
}

// parseMeta reads an object of strings. raw is well formed, without spaces around it.
func parseMeta(raw json.RawMessage) (map[string]string, error) {
	if raw == nil {
		return nil, nil
	}
	if string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '{' {
		return nil, invalid("meta", "is not an object of strings")
	}
	var meta map[string]string
	c := cursor{b: raw}
	for more := c.enter(); more; more = c.more() {
		key, raw := string(c.key()), c.skip()
		var value string
		if raw[0] != '"' || unmarshalString(raw, &value) != nil {
			return nil, invalid("meta", "is not an object of strings")
		}
		if meta == nil {
			meta = make(map[string]string)
		}
		meta[key] = value
	}
	return meta, nil
}

// parseData undoes document.setData.
func parseData(fields map[string]json.RawMessage, isJSON bool) ([]byte, error) {
	data, hasData := fields["data"]
	var encoded string
	if err := setString(fields, "data_base64", &encoded); err != nil {
		return nil, err
	}
	exact, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return nil, invalid("data_base64", "is not base64")
	case !hasData && len(exact) == 0:
		return nil, nil
	case !hasData:
		return exact, nil
	case encoded != "" && (!isJSON || !sameJSON(data, exact)):
		return nil, invalid("data_base64", "differs from data")
	case encoded != "":
		return exact, nil
	case isJSON:
		return bytes.Clone(data), nil
	}
	var text string
	if err := unmarshalString(data, &text); err != nil {
		return nil, invalid("data", "is not a string, and data_type is not JSON")
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text), nil
}

// sameJSON reports whether a and b differ by spaces and escapes at most.
func sameJSON(a, b []byte) bool {
	return json.Valid(b) && bytes.Equal(canonical(a), canonical(b))
}
