package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"time"
	"unicode/utf8"
)

// document is the JSON form, in the order in which it is written.
type document struct {
	ID         ID                `json:"id"`
	Name       string            `json:"name"`
	Key        string            `json:"key,omitempty"`
	Time       string            `json:"time,omitempty"`
	Source     string            `json:"source,omitempty"`
	Meta       map[string]string `json:"meta,omitempty"`
	DataType   string            `json:"data_type,omitempty"`
	Data       json.RawMessage   `json:"data,omitempty"`
	DataBase64 string            `json:"data_base64,omitempty"`
}

// MarshalJSON writes id, name, key, time (RFC 3339, UTC, up to nanoseconds),
// source, meta, data_type and the data, without those that are empty. An event
// that does not pass Validate is an *InvalidError.
//
// Data stands in one of three forms:
//
//   - If data_type is JSON (application/json, or a type ending in +json) and
//     Data is JSON in UTF-8, "data" is that value itself. JSON encoders drop
//     spaces between its parts and may escape some characters; if that would
//     change a byte of Data, "data_base64" stands beside it with the exact
//     bytes.
//   - Otherwise, if data_type is not JSON and Data is UTF-8, "data" is a string.
//   - Otherwise "data_base64" is the bytes, as in CloudEvents.
//
// UnmarshalJSON tells them apart by data_type alone, never by looking into the
// value: a string under "data" is JSON text if data_type is JSON.
func (e Event) MarshalJSON() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	doc := document{
		ID: e.ID, Name: e.Name, Key: e.Key, Source: e.Source, Meta: e.Meta, DataType: e.DataType,
	}
	if t := timeOrID(e.Time, e.ID); !t.IsZero() {
		doc.Time = t.UTC().Format(time.RFC3339Nano)
	}
	if err := doc.setData(e.Data); err != nil {
		return nil, err
	}
	return marshal(doc)
}

func (d *document) setData(data []byte) (err error) {
	switch {
	case len(data) == 0:
	case !utf8.Valid(data):
		d.DataBase64 = base64.StdEncoding.EncodeToString(data)
	case !isJSON(d.DataType):
		d.Data, err = marshal(string(data))
	case !json.Valid(data):
		d.DataBase64 = base64.StdEncoding.EncodeToString(data)
	default:
		d.Data = data
		if !bytes.Equal(canonical(data), data) {
			d.DataBase64 = base64.StdEncoding.EncodeToString(data)
		}
	}
	return err
}

// marshal is json.Marshal without escapes for HTML. If json.Marshal is what
// called MarshalJSON, it adds them.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("event JSON: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// canonical is what the most meddlesome encoder makes of valid JSON.
func canonical(data []byte) []byte {
	var compact, escaped bytes.Buffer
	_ = json.Compact(&compact, data) // fails only for invalid JSON
	json.HTMLEscape(&escaped, compact.Bytes())
	return escaped.Bytes()
}

// isJSON reports whether a media type says that the data is JSON.
func isJSON(mediaType string) bool {
	if mediaType == "application/json" {
		return true
	}
	base, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (base == "application/json" || strings.HasSuffix(base, "+json"))
}

func timeOrID(t time.Time, id ID) time.Time {
	if t.IsZero() || t.Equal(time.Unix(0, 0)) {
		return TimeOf(id)
	}
	return t
}
