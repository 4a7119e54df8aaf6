package state

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// Format is the format of entries that this version writes, and the newest that
// it reads.
const Format = 1

// ErrEntry says that an entry is of a newer version, or not well formed. The
// replica must stop: to go on without it would make a state of its own.
var ErrEntry = errors.New("entry cannot be applied")

// The numbers of Entry's, Command's and Publish's fields that are written by hand.
const (
	fieldFormat   = 1
	fieldStamp    = 2
	fieldCommands = 3
	fieldPublish  = 1

	// envelopeTag begins each event, in every message that has events.
	envelopeTag = 15<<3 | byte(protowire.BytesType)
)

// maxStamp bounds stamps, some 146 million years from now, so that sums of
// them do not overflow.
const maxStamp = 1 << 62

// entry is a decoded Entry; its commands are still encoded.
type entry struct {
	stamp    int64
	commands [][]byte
}

// decodeEntry reads an entry.
func decodeEntry(data []byte) (entry, error) {
	var e entry
	var format uint64
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return e, malformed(n)
		}
		data = data[n:]
		switch {
		case num == fieldFormat && typ == protowire.VarintType:
			if format, n = protowire.ConsumeVarint(data); n >= 0 && format != Format {
				return e, badFormat(format)
			}
		case num == fieldStamp && typ == protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(data)
			e.stamp = min(int64(v), maxStamp)
		case num == fieldCommands && typ == protowire.BytesType:
			var c []byte
			c, n = protowire.ConsumeBytes(data)
			e.commands = append(e.commands, c)
		default:
			return e, fmt.Errorf("%w: it has a field %d, which this version does not know", ErrEntry, num)
		}
		if n < 0 {
			return e, malformed(n)
		}
		data = data[n:]
	}
	if format != Format {
		return e, badFormat(format)
	}
	return e, nil
}

func malformed(n int) error { return fmt.Errorf("%w: %w", ErrEntry, protowire.ParseError(n)) }

func badFormat(format uint64) error {
	return fmt.Errorf("%w: its format is %d, this version reads %d", ErrEntry, format, Format)
}

// publish is a decoded Publish: its head, and its events as they came.
type publish struct {
	*storagev1.Publish
	records []byte
}

// check returns what is wrong with the batch's shape. All that comes later relies
// on it.
func (p publish) check() error {
	n := int(p.GetCount())
	switch got := wire.CountRecords(p.records); {
	case n == 0:
		return invalid("a batch without events")
	case got != n:
		return invalid("%d events said, %d there", n, got)
	case len(p.GetDedupeIds()) != 0 && len(p.GetDedupeIds()) != idBytes*n:
		return invalid("%d bytes of event IDs for %d events", len(p.GetDedupeIds()), n)
	case len(p.GetKeySlots()) != 0 && len(p.GetKeySlots()) != slotBytes*n:
		return invalid("%d bytes of key slots for %d events", len(p.GetKeySlots()), n)
	}
	if b := p.GetProducer(); b != nil && (len(b.GetProducer()) != idBytes || b.GetNumber() == 0) {
		return invalid("a producer has an ID of 16 bytes and numbers from 1 on")
	}
	return nil
}

const (
	// idBytes is the length of an event's and of a producer's ID.
	idBytes = 16
	// slotBytes is the length of a key slot.
	slotBytes = 2
)

// decodeCommand reads a command; of a Publish the events stay as they are.
func decodeCommand(data []byte) (*storagev1.Command, []byte, error) {
	if num, typ, n := protowire.ConsumeTag(data); n >= 0 && num == fieldPublish && typ == protowire.BytesType {
		inner, m := protowire.ConsumeBytes(data[n:])
		if m < 0 || n+m != len(data) {
			return nil, nil, fmt.Errorf("%w: malformed publish", ErrEntry)
		}
		return decodePublish(inner)
	}
	c := &storagev1.Command{}
	if err := unmarshal(data, c); err != nil {
		return nil, nil, err
	}
	if c.GetCommand() == nil || c.GetPublish() != nil {
		return nil, nil, fmt.Errorf("%w: a command that this version does not know", ErrEntry)
	}
	return c, nil, nil
}

func decodePublish(data []byte) (*storagev1.Command, []byte, error) {
	head, records, err := wire.Split(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	p := &storagev1.Publish{}
	if err := proto.Unmarshal(head, p); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if publishHasUnknown(p) {
		return nil, nil, unknown(p)
	}
	return &storagev1.Command{Command: &storagev1.Command_Publish{Publish: p}}, records, nil
}

// unmarshal reads a part of an entry. A field that is not known is one that this
// replica would not apply as others do.
func unmarshal(data []byte, m proto.Message) error {
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if hasUnknown(m.ProtoReflect()) {
		return unknown(m)
	}
	return nil
}
