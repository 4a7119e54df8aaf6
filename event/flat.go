package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"
)

const whatFlat = "flat event JSON"

// The flat form's own fields.
const (
	flatID   = "id"
	flatName = "event_name"
	flatDate = "event_date"
)

// ParseFlat reads the flat form, in which an event's own fields stand beside those of
// its data:
//
//	{"id": 7, "event_name": "user_created", "event_date": "2023-05-01T12:00:00", "user_id": 42}
//
// id and event_name are required. All fields but these three are Data, as they came and
// in their order, as a JSON object. event_date is as in ISO 8601; without a zone it is
// UTC; without event_date Time is that of the ID, if that tells one.
//
// An id that is a UUID is the ID; of any other string and of a whole number it is a
// NamedID, and Meta has the original (MetaOriginalID). The form names no source: say it
// with WithSource, so that the ids of two sources do not meet. Other options set what
// the form does not say, too.
//
// Every error is a *ParseError.
func ParseFlat(b []byte, opts ...Option) (Event, error) {
	fields, err := parseObject(whatFlat, b)
	if err != nil {
		return Event{}, err
	}
	e := apply(Event{}, opts)
	if err := e.setFlat(fields, b); err != nil {
		return Event{}, fieldError(whatFlat, err)
	}
	if err := e.Validate(); err != nil {
		return Event{}, fieldError(whatFlat, renamed(err, map[string]string{"name": flatName, "time": flatDate}))
	}
	return e, nil
}

// setFlat sets what the form says.
func (e *Event) setFlat(fields map[string]json.RawMessage, b []byte) error {
	if err := setString(fields, flatName, &e.Name); err != nil {
		return err
	}
	if e.Name == "" {
		return invalid(flatName, "is missing")
	}
	if err := e.setFlatID(fields[flatID]); err != nil {
		return err
	}
	var date string
	if err := setString(fields, flatDate, &date); err != nil {
		return err
	}
	at, err := parseDate(date)
	if err != nil {
		return err
	}
	e.Time = timeOrID(at, e.ID)
	e.Data, e.DataType = restOf(b), JSON
	return nil
}

// setFlatID sets the ID, from a UUID, another string or a whole number.
func (e *Event) setFlatID(raw json.RawMessage) error {
	if e.Meta = maps.Clone(e.Meta); e.Meta == nil {
		e.Meta = map[string]string{}
	}
	switch {
	case len(raw) == 0 || raw[0] == 'n':
		return invalid(flatID, "is missing")
	case raw[0] == '"':
		original := string(unquote(raw))
		if original == "" {
			return invalid(flatID, "is missing")
		}
		e.adoptID(original)
	case isWhole(raw):
		e.adoptID(string(raw))
		e.Meta[MetaOriginalIDKind] = idKindNumber
	default:
		return invalid(flatID, "is neither a string nor a whole number")
	}
	if len(e.Meta) == 0 {
		e.Meta = nil
	}
	return nil
}

// isWhole reports whether a JSON value is a number without fraction and exponent.
func isWhole(raw []byte) bool {
	digits := bytes.TrimPrefix(raw, []byte("-"))
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(digits) > 0
}

// parseDate reads a time of ISO 8601 as programs write it: with T or a space between, with
// a zone or without, then it is UTC. Empty is the zero time.
func parseDate(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range [...]string{
		time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z0700",
		"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, invalid(flatDate, "is not a date and time as in ISO 8601, such as 2023-05-01T12:00:00Z")
}

// restOf is a JSON object without the form's own fields.
func restOf(b []byte) []byte {
	rest := make([]byte, 1, len(b))
	rest[0] = '{'
	c := &cursor{b: b}
	c.space()
	for more := c.enter(); more; more = c.more() {
		from := c.i
		key := string(c.key())
		c.skip()
		if key == flatID || key == flatName || key == flatDate {
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(rest, b[from:c.i]...)
	}
	return append(rest, '}')
}

// renamed gives a field of an event the name that it has in another form.
func renamed(err error, names map[string]string) error {
	inv, ok := errors.AsType[*InvalidError](err)
	if ok && names[inv.Field] != "" {
		return &InvalidError{Field: names[inv.Field], Reason: inv.Reason}
	}
	return err
}

// MarshalFlat writes the flat form, which ParseFlat reads. The data must be a JSON object
// with no field of the form's own names, or nothing. The form has no place for Key, Source
// and Meta, but for an original ID: they are left out.
func (e Event) MarshalFlat() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	rest, err := e.flatData()
	if err != nil {
		return nil, err
	}
	head := struct {
		ID   json.RawMessage `json:"id"`
		Name string          `json:"event_name"`
		Date string          `json:"event_date,omitempty"`
	}{Name: e.Name}
	if head.ID, err = e.flatID(); err != nil {
		return nil, err
	}
	if t := timeOrID(e.Time, e.ID); !t.IsZero() {
		head.Date = t.UTC().Format(time.RFC3339Nano)
	}
	b, err := marshal(head)
	if err != nil || len(rest) == 0 {
		return b, err
	}
	return append(append(b[:len(b)-1], ','), rest...), nil
}

// flatID is the ID as it came.
func (e *Event) flatID() (json.RawMessage, error) {
	original := e.Meta[MetaOriginalID]
	switch {
	case original == "":
		original = e.ID.String()
	case e.Meta[MetaOriginalIDKind] == idKindNumber && isWhole([]byte(original)) && json.Valid([]byte(original)):
		return json.RawMessage(original), nil
	}
	return marshal(original)
}

// flatData is the data's fields, with the closing brace; nothing if there are none.
func (e *Event) flatData() ([]byte, error) {
	if len(e.Data) == 0 {
		return nil, nil
	}
	if e.DataType != "" && !isJSON(e.DataType) {
		return nil, invalid("data_type", "is "+strconv.Quote(e.DataType)+": the flat form has JSON only")
	}
	fields, err := parseObject(whatData, e.Data)
	if err != nil {
		return nil, &InvalidError{Field: "data", Reason: "is not a JSON object, which the flat form has only", Err: err}
	}
	for _, own := range [...]string{flatID, flatName, flatDate} {
		if _, ok := fields[own]; ok {
			return nil, invalid("data", "has a field "+own+", which is the flat form's own")
		}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	inner := strings.TrimLeft(string(e.Data), " \t\r\n")
	return []byte(strings.TrimRight(inner[1:], " \t\r\n")), nil
}
