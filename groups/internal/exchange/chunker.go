package exchange

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode/groups/internal/table"
)

// chunkRoom is what a chunk needs beside its groups: the message's tag and
// length, the scope, the origin, the version, the chunk's number and last.
const chunkRoom = 2*MaxName + 64

// chunker encodes a copy as messages of at most MaxChunk bytes, one membership
// after the other. A group that does not fit goes on in the next chunk.
type chunker struct {
	head    []byte // encoded: scope and origin
	version uint64

	msgs    [][]byte
	groups  []byte // encoded groups of the chunk that is being made
	name    string // the group that is being made
	members []byte // its encoded members
}

// group begins a group.
func (w *chunker) group(name string) { w.name = name }

// member adds a membership to the group.
func (w *chunker) member(m table.Member) {
	size := sizeBytes(sizeMember(m))
	if len(w.groups)+len(w.members)+size+len(w.name)+16 > MaxChunk-chunkRoom {
		w.closeGroup()
		w.closeChunk(false)
	}
	w.members = appendMember(w.members, fieldJoined, m)
}

func (w *chunker) closeGroup() {
	if len(w.members) == 0 {
		return
	}
	if w.groups == nil {
		w.groups = make([]byte, 0, MaxChunk-chunkRoom)
	}
	w.groups = protowire.AppendTag(w.groups, fieldSyncGroups, protowire.BytesType)
	w.groups = protowire.AppendVarint(w.groups, uint64(sizeBytes(len(w.name))+len(w.members)))
	w.groups = protowire.AppendTag(w.groups, fieldGroup, protowire.BytesType)
	w.groups = protowire.AppendString(w.groups, w.name)
	w.groups = append(w.groups, w.members...)
	w.members = w.members[:0]
}

func (w *chunker) closeChunk(last bool) {
	body := make([]byte, 0, chunkRoom)
	body = append(body, w.head...)
	body = protowire.AppendTag(body, fieldVersion, protowire.VarintType)
	body = protowire.AppendVarint(body, w.version)
	body = protowire.AppendTag(body, fieldChunk, protowire.VarintType)
	body = protowire.AppendVarint(body, uint64(len(w.msgs)))
	body = protowire.AppendTag(body, fieldLast, protowire.VarintType)
	body = protowire.AppendVarint(body, protowire.EncodeBool(last))
	size := len(body) + len(w.groups)
	msg := make([]byte, 0, sizeBytes(size))
	msg = protowire.AppendTag(msg, protowire.Number(KindSync), protowire.BytesType)
	msg = protowire.AppendVarint(msg, uint64(size))
	msg = append(msg, body...)
	w.msgs = append(w.msgs, append(msg, w.groups...))
	w.groups = w.groups[:0]
}

// end returns all chunks; there is at least one.
func (w *chunker) end() [][]byte {
	w.closeChunk(true)
	return w.msgs
}
