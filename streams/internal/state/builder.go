package state

import (
	"bytes"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// EntryBuilder puts commands together in one entry. Events go in as they came:
// they are copied once, not decoded. It is the gate to the log: what it takes,
// every replica of this version can apply, and read back later.
type EntryBuilder struct {
	buf   []byte
	count int
}

// Size is how many bytes the entry has so far.
func (b *EntryBuilder) Size() int { return len(b.buf) }

// Count is how many commands it has.
func (b *EntryBuilder) Count() int { return b.count }

// Publish adds a Publish whose envelopes are in parts, as records of field 15.
// It is refused, and the entry as it was, if they are not as many as the head
// says or do not have its checksum.
func (b *EntryBuilder) Publish(head *storagev1.Publish, parts ...[]byte) error {
	if err := checkParts(head, parts); err != nil {
		return err
	}
	size := proto.Size(head)
	whole := size
	for _, p := range parts {
		whole += len(p)
	}
	before := len(b.buf)
	b.begin(1 + protowire.SizeBytes(whole))
	b.buf = protowire.AppendTag(b.buf, fieldPublish, protowire.BytesType)
	b.buf = protowire.AppendVarint(b.buf, uint64(whole))
	buf, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b.buf, head)
	if err != nil {
		b.buf, b.count = b.buf[:before], b.count-1
		return fmt.Errorf("encode publish: %w", err)
	}
	b.buf = buf
	for _, p := range parts {
		b.buf = append(b.buf, p...)
	}
	return nil
}

// checkParts compares a batch's head with its events.
func checkParts(head *storagev1.Publish, parts [][]byte) error {
	var sum xxhash.Digest
	sum.Reset()
	count := 0
	for _, p := range parts {
		_, rest, n := wire.Cut(p, math.MaxInt)
		if len(rest) > 0 {
			return invalid("events that are none")
		}
		count += n
		_, _ = sum.Write(p) // it never fails
	}
	switch {
	case len(head.GetEnvelopes()) > 0 || publishHasUnknown(head):
		return invalid("a head with more than a head")
	case count != int(head.GetCount()):
		return invalid("%d events said, %d there", head.GetCount(), count)
	case sum.Sum64() != head.GetChecksum():
		return invalid("the events have the checksum %016x, not %016x: they have changed on their way", sum.Sum64(), head.GetChecksum())
	}
	return nil
}

// Add adds a command that is not a Publish.
func (b *EntryBuilder) Add(c *storagev1.Command) error {
	if c.GetCommand() == nil || c.GetPublish() != nil || hasUnknown(c.ProtoReflect()) {
		return invalid("a command that this version does not know, or that is none")
	}
	data, err := proto.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode command: %w", err)
	}
	b.begin(len(data))
	b.buf = append(b.buf, data...)
	return nil
}

// begin begins a command of so many bytes.
func (b *EntryBuilder) begin(size int) {
	b.open()
	b.count++
	b.buf = protowire.AppendTag(b.buf, fieldCommands, protowire.BytesType)
	b.buf = protowire.AppendVarint(b.buf, uint64(size))
}

// open begins the entry with its format, which is to be seen before all else.
func (b *EntryBuilder) open() {
	if len(b.buf) == 0 {
		b.buf = protowire.AppendTag(b.buf, fieldFormat, protowire.VarintType)
		b.buf = protowire.AppendVarint(b.buf, Format)
	}
}

// Finish returns the entry, proposed at a stamp, and begins another one. It is a
// copy of its own size: who keeps a small entry keeps no large buffer.
func (b *EntryBuilder) Finish(stampMS int64) []byte {
	b.open()
	b.buf = protowire.AppendTag(b.buf, fieldStamp, protowire.VarintType)
	b.buf = protowire.AppendVarint(b.buf, uint64(stampMS))
	data := bytes.Clone(b.buf)
	b.buf, b.count = b.buf[:0], 0
	return data
}
