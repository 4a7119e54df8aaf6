package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// wrongValue finds the first value that encoding/json does not take; nil if it cannot be
// found.
func (p *plan) wrongValue(c *cursor, quoted bool) *defect {
	from := c.i
	ch := c.b[from]
	switch {
	case ch == 'n':
		c.skip()
		return nil
	case ch == '{' && p.fields != nil && !p.leaf:
		return p.wrongMember(c)
	case ch == '{' && p.elem != nil && p.typ.Kind() == reflect.Map:
		return p.wrongMember(c)
	case ch == '[' && p.elem != nil && p.typ.Kind() != reflect.Map:
		for i, more := 0, c.enter(); more; i, more = i+1, c.more() {
			if d := p.elem.wrongValue(c, false); d != nil {
				return d.at(i)
			}
		}
		return nil
	}
	raw := c.skip()
	value := raw
	if quoted && ch == '"' {
		value = unquote(raw)
	}
	err := json.Unmarshal(value, reflect.New(p.typ).Interface())
	if err == nil {
		return nil
	}
	return &defect{offset: from + 1, reason: mismatch(raw, p.typ, err), cause: err}
}

// wrongMember does it for the members of an object.
func (p *plan) wrongMember(c *cursor) *defect {
	for more := c.enter(); more; more = c.more() {
		from := c.i
		key := c.key()
		member, quoted := p.elem, false
		if member == nil {
			i := p.find(key, 0)
			if i < 0 {
				c.skip()
				continue
			}
			member, quoted = p.fields[i].plan, p.fields[i].quoted
			key = []byte(p.fields[i].name)
		} else if d := p.wrongKey(key, from); d != nil {
			return d
		}
		if d := member.wrongValue(c, quoted); d != nil {
			return d.in(string(key))
		}
	}
	return nil
}

// wrongKey does it for the key of a map.
func (p *plan) wrongKey(key []byte, at int) *defect {
	var one bytes.Buffer
	one.WriteByte('{')
	quoted, _ := json.Marshal(string(key)) // strings can be written
	one.Write(quoted)
	one.WriteString(":null}")
	m := reflect.New(reflect.MapOf(p.typ.Key(), reflect.TypeFor[any]()))
	if err := json.Unmarshal(one.Bytes(), m.Interface()); err != nil {
		return &defect{path: string(key), offset: at + 1, reason: "is a name that cannot be: " + err.Error(), cause: err}
	}
	return nil
}

// mismatch says why a value is none of a type.
func mismatch(raw []byte, typ reflect.Type, err error) string {
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok {
		return "cannot be read: " + err.Error()
	}
	is, want := jsonKind(raw), wantKind(typ)
	if is == "a number" && strings.HasSuffix(want, "number") {
		return "is " + string(raw[:min(len(raw), 40)]) + ", which is no " + typ.Kind().String()
	}
	return "is " + is + ", not " + want
}

func jsonKind(raw []byte) string {
	switch raw[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	}
	return "a number"
}

// wantKind is what a Go type is in JSON.
func wantKind(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "a whole number"
	case reflect.String:
		return "a string"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		if typ.Elem().Kind() == reflect.Uint8 && typ.Kind() == reflect.Slice {
			return "bytes in base64"
		}
		return "an array"
	default:
		return "a " + typ.String()
	}
}
