package cache

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"

	"github.com/eventnode/eventnode/internal/jsonscan"
)

// Objects stay JSON text: most of what comes in is passed on and kept, and nobody asks what
// is in it. So it is scanned once for the few members that decide what is to be done.

// flake is the id that a value is, as a string or a number; 0: it is none.
func flake(value []byte) Snowflake {
	n, err := strconv.ParseUint(string(bytes.Trim(value, `"`)), 10, 64)
	if err != nil {
		return 0
	}
	return Snowflake(n)
}

// quoted is an id in JSON.
func quoted(id Snowflake) json.RawMessage {
	return append(strconv.AppendUint([]byte{'"'}, uint64(id), 10), '"')
}

// number is a count in JSON.
func number(n Snowflake) json.RawMessage { return strconv.AppendUint(nil, uint64(n), 10) }

// isNull reports whether a value is null, or not there.
func isNull(value []byte) bool { return len(value) == 0 || string(value) == "null" }

// names is a set of members' names.
type names func(name []byte) bool

// scratch is room for an object that is being made, on the stack: what is kept is then
// copied into as much memory as it takes.
type scratch [1536]byte

// without is an object without some members, as a copy of its own.
func without(object json.RawMessage, some names) json.RawMessage {
	var room scratch
	out := json.RawMessage(room[:0])
	m := jsonscan.Object(object)
	for m.Next() {
		if !some(m.Key) {
			out = appendMember(out, m.Key, m.Value)
		}
	}
	return slices.Clone(closed(out))
}

// appendMember adds a member to an object that is not closed yet.
func appendMember(object json.RawMessage, name, value []byte) json.RawMessage {
	if len(object) == 0 {
		object = append(object, '{', '"')
	} else {
		object = append(object, ',', '"')
	}
	object = append(append(object, name...), '"', ':')
	return append(object, value...)
}

// closed is an object with its end.
func closed(object json.RawMessage) json.RawMessage {
	if len(object) == 0 {
		object = append(object, '{')
	}
	return append(object, '}')
}

// open is an object without its end, for appendMember: empty if it has no members.
func open(object json.RawMessage) json.RawMessage {
	object = bytes.Trim(object, " \t\r\n")
	if len(object) < 2 || object[len(object)-1] != '}' {
		return nil
	}
	if object = bytes.TrimRight(object[:len(object)-1], " \t\r\n"); len(object) == 1 {
		return nil
	}
	return object
}

// with is a copy of an object with one member more. No value is null.
func with(object json.RawMessage, name string, value []byte) json.RawMessage {
	if len(value) == 0 {
		value = []byte("null")
	}
	out := make(json.RawMessage, 0, len(object)+len(name)+len(value)+4)
	out = append(out, open(object)...)
	return closed(appendMember(out, []byte(name), value))
}

// member is one of an object.
type member struct{ name, value []byte }

// patch are the members of an object that are to be set in another one.
type patch struct {
	few     [40]member // room for most
	n       int
	more    []member
	without names // nil: all are
	hint    int   // members come in one order, nearly always
}

// add adds a member.
func (p *patch) add(name, value []byte) {
	switch {
	case p.without != nil && p.without(name):
	case p.n < len(p.few):
		p.few[p.n] = member{name, value}
		p.n++
	default:
		p.more = append(p.more, member{name, value})
	}
}

// at is a member by its number.
func (p *patch) at(i int) *member {
	if i < p.n {
		return &p.few[i]
	}
	return &p.more[i-p.n]
}

func (p *patch) len() int { return p.n + len(p.more) }

// find is the member of a name; nil: it is not there.
func (p *patch) find(name []byte) *member {
	for range p.len() {
		if p.hint >= p.len() {
			p.hint = 0
		}
		m := p.at(p.hint)
		p.hint++
		if string(m.name) == string(name) {
			return m
		}
	}
	return nil
}

// merge sets the members of one object in another, and is a copy; or the old one itself if
// that has them all: not changed.
func merge(old, news json.RawMessage) (merged json.RawMessage, changed bool) {
	var p patch
	for m := jsonscan.Object(news); m.Next(); {
		p.add(m.Key, m.Value)
	}
	return p.merge(old)
}

// merge is merge with the members of a patch, which is used up.
func (p *patch) merge(old json.RawMessage) (merged json.RawMessage, changed bool) {
	var room scratch
	out, changed := p.over(room[:0], old)
	for i := range p.len() {
		m := p.at(i)
		if m.value == nil {
			continue // it was found
		}
		if !changed {
			out, changed = append(out, open(old)...), true
		}
		out = appendMember(out, m.name, m.value)
	}
	if !changed && old != nil {
		return old, false
	}
	return slices.Clone(closed(out)), true
}

// over sets those members that an object has, and forgets them. Changed: out has the object
// then, not closed. Else it had them as they are.
func (p *patch) over(out, old json.RawMessage) (_ json.RawMessage, changed bool) {
	for m := jsonscan.Object(old); m.Next(); {
		value := m.Value
		set := p.find(m.Key)
		twice := set != nil && set.value == nil
		if set != nil {
			value, set.value = set.value, nil
		}
		if !changed && !twice && same(m.Value, value) {
			continue
		}
		if !changed { // what is before the first that differs stays
			out, changed = append(out, bytes.TrimRight(old[:m.At], ",{ \t\r\n")...), true
		}
		if !twice { // else the old one has it twice, which says nothing
			out = appendMember(out, m.Key, value)
		}
	}
	return out, changed
}

// same reports whether two values are equal. Most that are, are so byte by byte; members
// may stand in another order, and text may be escaped in other ways.
func same(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if !complicated(a) && !complicated(b) {
		return false
	}
	return reflect.DeepEqual(decoded(a), decoded(b))
}

func complicated(value []byte) bool {
	return len(value) > 0 && (value[0] == '{' || value[0] == '[' || bytes.IndexByte(value, '\\') >= 0)
}

func decoded(value []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}
