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

// without is an object without some members, as a copy of its own.
func without(object json.RawMessage, some names) json.RawMessage {
	out := make(json.RawMessage, 0, len(object))
	m := jsonscan.Object(object)
	for m.Next() {
		if !some(m.Key) {
			out = appendMember(out, m.Key, m.Value)
		}
	}
	return shrunk(closed(out))
}

// shrunk is a text in no more memory than it takes, if it would be a quarter less.
func shrunk(text json.RawMessage) json.RawMessage {
	if len(text) < cap(text)/4*3 {
		return slices.Clone(text)
	}
	return text
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
	object = bytes.TrimRight(object, " \t\r\n")
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
	members []member
	hint    int // members come in one order, nearly always
}

// find is where a member is; -1: it is not there.
func (p *patch) find(name []byte) int {
	for i := range p.members {
		if i += p.hint; i >= len(p.members) {
			i -= len(p.members)
		}
		if string(p.members[i].name) == string(name) {
			p.hint = i + 1
			return i
		}
	}
	return -1
}

// merge sets the members of one object in another, but for some, and is a copy; or the old
// one itself if that has them all: not changed.
func merge(old, news json.RawMessage, but names) (merged json.RawMessage, changed bool) {
	var space [48]member
	p := patch{members: space[:0]}
	for m := jsonscan.Object(news); m.Next(); {
		if but == nil || !but(m.Key) {
			p.members = append(p.members, member{m.Key, m.Value})
		}
	}
	var done [4]uint64 // which of them the old one has
	found := 0
	for m := jsonscan.Object(old); m.Next(); {
		if i := p.find(m.Key); i >= 0 {
			changed = changed || !same(m.Value, p.members[i].value)
			if i < 64*len(done) && done[i/64]>>(i%64)&1 == 0 {
				done[i/64] |= 1 << (i % 64)
				found++
			}
		}
	}
	if !changed && found == len(p.members) {
		return old, false
	}
	p.hint = 0
	return p.over(old, len(old)+len(news)), true
}

// over is a copy of an object with the patch's members in it.
func (p *patch) over(old json.RawMessage, most int) json.RawMessage {
	out := make(json.RawMessage, 0, most)
	for m := jsonscan.Object(old); m.Next(); {
		value := m.Value
		if i := p.find(m.Key); i >= 0 {
			if value = p.members[i].value; value == nil {
				continue // the old one had it twice
			}
			p.members[i].value = nil
		}
		out = appendMember(out, m.Key, value)
	}
	for _, m := range p.members {
		if m.value != nil {
			out = appendMember(out, m.name, m.value)
		}
	}
	return shrunk(closed(out))
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
