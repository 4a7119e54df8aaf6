package exchange

import (
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// field is one field of a message; varint or bytes is set, as typ says.
type field struct {
	num    protowire.Number
	typ    protowire.Type
	varint uint64
	bytes  []byte
}

// is reports whether the field is number num and of its type. A known number
// with another type is an unknown field, as for any protobuf decoder.
func (f *field) is(num protowire.Number, typ protowire.Type) bool {
	return f.num == num && f.typ == typ
}

// cut reads the first field of b and returns what follows it; ok is false if
// there is none.
func (f *field) cut(b []byte) (rest []byte, ok bool) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return nil, false
	}
	f.num, f.typ, b = num, typ, b[n:]
	switch typ {
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(num, typ, b)
	}
	if n < 0 {
		return nil, false
	}
	return b[n:], true
}

// open returns a message's kind and body: of the last kind, if there are several.
func open(msg []byte) (kind Kind, body []byte, ok bool) {
	var f field
	for b := msg; len(b) > 0; {
		if b, ok = f.cut(b); !ok {
			return KindOther, nil, false
		}
		if f.typ == protowire.BytesType && f.num < protowire.Number(Kinds) {
			kind, body = Kind(f.num), f.bytes
		}
	}
	return kind, body, true
}

// KindOf returns an encoded message's kind.
func KindOf(msg []byte) Kind {
	kind, _, _ := open(msg)
	return kind
}

// letter is a ChangeSet or a Sync but for its groups. Its strings are parts of
// the message.
type letter struct {
	scope   string
	origin  eventnode.NodeRef
	version uint64
	chunk   uint32
	last    bool
	groups  protowire.Number // the field that they are in
	body    []byte
}

// aliased is a string that is a part of a message, whose bytes never change.
func aliased(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// readLetter reads all but the groups.
func readLetter(kind Kind, body []byte) (l letter, ok bool) {
	l = letter{groups: fieldChangeGroups, body: body}
	if kind == KindSync {
		l.groups = fieldSyncGroups
	}
	var f field
	for b := body; len(b) > 0; {
		if b, ok = f.cut(b); !ok {
			return l, false
		}
		switch {
		case f.is(fieldScope, protowire.BytesType):
			l.scope = aliased(f.bytes)
		case f.is(fieldOrigin, protowire.BytesType):
			if l.origin, ok = readOrigin(l.origin, f.bytes); !ok {
				return l, false
			}
		case f.is(fieldVersion, protowire.VarintType):
			l.version = f.varint
		case f.is(fieldChunk, protowire.VarintType):
			l.chunk = uint32(f.varint)
		case f.is(fieldLast, protowire.VarintType):
			l.last = f.varint != 0
		}
	}
	return l, true
}

func readOrigin(ref eventnode.NodeRef, b []byte) (_ eventnode.NodeRef, ok bool) {
	var f field
	for len(b) > 0 {
		if b, ok = f.cut(b); !ok {
			return ref, false
		}
		switch {
		case f.is(fieldNode, protowire.BytesType):
			ref.ID = eventnode.NodeID(aliased(f.bytes))
		case f.is(fieldEpoch, protowire.VarintType):
			ref.Epoch = f.varint
		}
	}
	return ref, true
}

// reader reads the groups of a letter. What it returns is used again for the
// next one.
type reader struct {
	deltas  []table.Delta
	members []table.Member
}

// read returns the groups of a letter; ok is false if something is out of range.
// Groups' names are parts of the message, metadata is not.
func (r *reader) read(l *letter) (deltas []table.Delta, ok bool) {
	r.deltas, r.members = r.deltas[:0], r.members[:0]
	var f field
	for b := l.body; len(b) > 0; {
		if b, ok = f.cut(b); !ok {
			return nil, false
		}
		if !f.is(l.groups, protowire.BytesType) {
			continue
		}
		d, ok := r.delta(f.bytes)
		if !ok {
			return nil, false
		}
		r.deltas = append(r.deltas, d)
	}
	return r.deltas, true
}

// delta reads one group. The lists of one kind may be interrupted by others, so
// each is gathered on its own.
func (r *reader) delta(body []byte) (d table.Delta, ok bool) {
	var f field
	var there [fieldUpdated + 1]bool
	for b := body; len(b) > 0; {
		if b, ok = f.cut(b); !ok {
			return d, false
		}
		switch {
		case f.is(fieldGroup, protowire.BytesType):
			d.Group = aliased(f.bytes)
		case f.num <= fieldUpdated:
			there[f.num] = true
		}
	}
	if d.Group == "" || !validName(d.Group) {
		return d, false
	}
	lists := [...]*[]table.Member{fieldJoined: &d.Joined, fieldLeft: &d.Left, fieldUpdated: &d.Updated}
	for num := fieldJoined; num <= fieldUpdated; num++ {
		if !there[num] {
			continue
		}
		if *lists[num], ok = r.list(body, num); !ok {
			return d, false
		}
	}
	return d, true
}

// list reads the members in one field.
func (r *reader) list(b []byte, num protowire.Number) (ms []table.Member, ok bool) {
	begin := len(r.members)
	var f field
	for len(b) > 0 {
		if b, ok = f.cut(b); !ok {
			return nil, false
		}
		if !f.is(num, protowire.BytesType) {
			continue
		}
		m, ok := readMember(f.bytes)
		if !ok {
			return nil, false
		}
		r.members = append(r.members, m)
	}
	// What is appended later must not change this list, even where it has moved.
	return r.members[begin:len(r.members):len(r.members)], true
}

func readMember(b []byte) (m table.Member, ok bool) {
	var f field
	times := uint64(1)
	for len(b) > 0 {
		if b, ok = f.cut(b); !ok {
			return m, false
		}
		switch {
		case f.is(fieldRef, protowire.VarintType):
			m.Ref = f.varint
		case f.is(fieldTimes, protowire.VarintType):
			times = uint64(uint32(f.varint))
		case f.is(fieldMeta, protowire.BytesType):
			m.Meta = string(f.bytes)
		}
	}
	m.Times = uint32(max(times, 1))
	return m, times <= table.MaxTimes && len(m.Meta) <= MaxMeta
}
