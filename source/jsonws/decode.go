package jsonws

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/source"
)

// decoder makes payloads of texts. It does not change.
type decoder struct {
	name, data, seq, session path
	fixed                    string        // the name of all
	origin                   source.Origin // of all, but for what fields say
}

// path are the names of a field, the outer ones first; none: there is no such field.
type path []string

func parsePath(field string) path {
	if field == "" {
		return nil
	}
	return strings.Split(field, ".")
}

func newDecoder(c Config) decoder {
	return decoder{
		name: parsePath(c.NameField), data: parsePath(c.DataField), seq: parsePath(c.SeqField), session: parsePath(c.SessionField),
		fixed: c.EventName, origin: source.Origin{Source: c.Name, Shard: c.Shard, Shards: c.Shards},
	}
}

// decode makes a payload of a text of a session. Its errors are *RefusedError. It keeps
// data.
func (d decoder) decode(data []byte, session string) (p source.Payload, err error) {
	if !utf8.Valid(data) {
		return p, &RefusedError{"not_utf8", "its text is not UTF-8"}
	}
	var object fields
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return p, &RefusedError{"not_an_object", "its text is no JSON object"}
	}
	p = source.Payload{Name: d.fixed, Data: bytes.TrimSpace(data), Origin: d.origin}
	p.Origin.Session = session
	for _, read := range [...]func(fields, *source.Payload) error{d.readName, d.readData, d.readSeq, d.readSession} {
		if err := read(object, &p); err != nil {
			return source.Payload{}, err
		}
	}
	if p.Origin.Seq == 0 {
		p.Origin.Session = "" // it numbers nothing
	}
	return p, nil
}

// fields are those of an object.
type fields map[string]json.RawMessage

// at is the value at a path, if there is one and it is not null.
func (f fields) at(p path) (value json.RawMessage, ok bool) {
	for i, name := range p {
		if value, ok = f[name]; !ok || string(value) == "null" {
			return nil, false
		}
		if i == len(p)-1 {
			break
		}
		f = nil
		if json.Unmarshal(value, &f) != nil {
			return nil, false
		}
	}
	return value, ok
}

func (d decoder) readName(f fields, p *source.Payload) error {
	if d.name == nil {
		return nil
	}
	value, ok := f.at(d.name)
	if !ok {
		return &RefusedError{"no_name", "it has no field " + strings.Join(d.name, ".")}
	}
	if json.Unmarshal(value, &p.Name) != nil || !goodName(p.Name) {
		return &RefusedError{"bad_name", "its name is not a string of 1 to " + strconv.Itoa(event.MaxName) + " bytes without control characters"}
	}
	return nil
}

// goodName reports whether an event may have this name.
func goodName(name string) bool {
	return name != "" && len(name) <= event.MaxName && !strings.ContainsFunc(name, unicode.IsControl)
}

func (d decoder) readData(f fields, p *source.Payload) error {
	if d.data == nil {
		return nil
	}
	value, ok := f.at(d.data)
	if !ok {
		return &RefusedError{"no_data", "it has no field " + strings.Join(d.data, ".")}
	}
	p.Data = bytes.Clone(value) // of a large object little may be data
	return nil
}

func (d decoder) readSeq(f fields, p *source.Payload) (err error) {
	value, ok := f.at(d.seq)
	if !ok {
		return nil
	}
	p.Origin.Seq, err = strconv.ParseUint(text(value), 10, 64)
	if err != nil || p.Origin.Seq == 0 {
		return &RefusedError{"bad_seq", "its number is not an integer above 0"}
	}
	return nil
}

func (d decoder) readSession(f fields, p *source.Payload) error {
	value, ok := f.at(d.session)
	if !ok {
		return nil
	}
	if first := value[0]; first != '"' && first != '-' && (first < '0' || first > '9') || len(value) > event.MaxName {
		return &RefusedError{"bad_session", "its session is neither a string nor a number, or longer than " + strconv.Itoa(event.MaxName) + " bytes"}
	}
	p.Origin.Session = text(value)
	return nil
}

// text is a string, or a number as it is written.
func text(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}
