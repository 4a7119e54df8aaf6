package exchange

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Change sets and copies are written and read by hand: there is one for each
// join, and a million memberships in a copy. The bytes are those that any
// protobuf encoder may make of the messages in exchange.proto.

// Field numbers that ChangeSet and Sync share, and those that they do not.
const (
	fieldScope   = protowire.Number(1)
	fieldOrigin  = protowire.Number(2)
	fieldVersion = protowire.Number(3)

	fieldChangeGroups = protowire.Number(4)

	fieldChunk      = protowire.Number(4)
	fieldLast       = protowire.Number(5)
	fieldSyncGroups = protowire.Number(6)
)

// Field numbers of Origin, GroupDelta and Membership.
const (
	fieldNode  = protowire.Number(1)
	fieldEpoch = protowire.Number(2)

	fieldGroup   = protowire.Number(1)
	fieldJoined  = protowire.Number(2)
	fieldLeft    = protowire.Number(3)
	fieldUpdated = protowire.Number(4)

	fieldRef   = protowire.Number(1)
	fieldTimes = protowire.Number(2)
	fieldMeta  = protowire.Number(3)
)

// tagSize is the size of every tag here: all numbers are below 16.
const tagSize = 1

// encode encodes a message of a rare kind.
func encode(m *clusterv1.Exchange) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		return nil // names are checked to be UTF-8 where they come in
	}
	return b
}

// encodeHead encodes whose part of which scope a change set or copy is about.
func encodeHead(scopeName string, ref eventnode.NodeRef) []byte {
	var b []byte
	if scopeName != "" {
		b = protowire.AppendTag(b, fieldScope, protowire.BytesType)
		b = protowire.AppendString(b, scopeName)
	}
	size := sizeBytes(len(ref.ID)) + tagSize + protowire.SizeVarint(ref.Epoch)
	b = protowire.AppendTag(b, fieldOrigin, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = protowire.AppendTag(b, fieldNode, protowire.BytesType)
	b = protowire.AppendString(b, string(ref.ID))
	b = protowire.AppendTag(b, fieldEpoch, protowire.VarintType)
	return protowire.AppendVarint(b, ref.Epoch)
}

// sizeBytes is the size of a field of n bytes.
func sizeBytes(n int) int { return tagSize + protowire.SizeBytes(n) }

// sizeChange is the size of the body of a change set.
func sizeChange(head []byte, version uint64, diffs []table.Diff) int {
	n := len(head) + tagSize + protowire.SizeVarint(version)
	for i := range diffs {
		n += sizeBytes(sizeDiff(&diffs[i]))
	}
	return n
}

// appendChange encodes a change set whose body has that size.
func appendChange(b []byte, size int, head []byte, version uint64, diffs []table.Diff) []byte {
	b = protowire.AppendTag(b, protowire.Number(KindChangeSet), protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = append(b, head...)
	b = protowire.AppendTag(b, fieldVersion, protowire.VarintType)
	b = protowire.AppendVarint(b, version)
	for i := range diffs {
		d := &diffs[i]
		b = protowire.AppendTag(b, fieldChangeGroups, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(sizeDiff(d)))
		b = protowire.AppendTag(b, fieldGroup, protowire.BytesType)
		b = protowire.AppendString(b, d.Group)
		b = appendMembers(b, fieldJoined, d.Joined)
		b = appendMembers(b, fieldLeft, d.Left)
		b = appendMembers(b, fieldUpdated, d.Updated)
	}
	return b
}

func sizeDiff(d *table.Diff) int {
	return sizeBytes(len(d.Group)) + sizeMembers(fieldJoined, d.Joined) +
		sizeMembers(fieldLeft, d.Left) + sizeMembers(fieldUpdated, d.Updated)
}

func sizeMembers(field protowire.Number, ms []table.Member) int {
	n := 0
	for _, m := range ms {
		n += sizeBytes(sizeMember(told(field, m)))
	}
	return n
}

// told is what a field says of a member: who left has no metadata, who is
// updated no count.
func told(field protowire.Number, m table.Member) table.Member {
	if field == fieldLeft {
		m.Meta = ""
	}
	if field == fieldUpdated {
		m.Times = 0
	}
	return m
}

// sizeMember is the size of a Membership; one time is left out.
func sizeMember(m table.Member) int {
	n := tagSize + protowire.SizeVarint(m.Ref)
	if m.Times > 1 {
		n += tagSize + protowire.SizeVarint(uint64(m.Times))
	}
	if m.Meta != "" {
		n += sizeBytes(len(m.Meta))
	}
	return n
}

func appendMembers(b []byte, field protowire.Number, ms []table.Member) []byte {
	for _, m := range ms {
		b = appendMember(b, field, told(field, m))
	}
	return b
}

func appendMember(b []byte, field protowire.Number, m table.Member) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(sizeMember(m)))
	b = protowire.AppendTag(b, fieldRef, protowire.VarintType)
	b = protowire.AppendVarint(b, m.Ref)
	if m.Times > 1 {
		b = protowire.AppendTag(b, fieldTimes, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(m.Times))
	}
	if m.Meta != "" {
		b = protowire.AppendTag(b, fieldMeta, protowire.BytesType)
		b = protowire.AppendString(b, m.Meta)
	}
	return b
}
