package state

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// A chunk's row is a storage.v1.Chunk that begins with one field more, the seal:
// XXH64 of the row's key and of what stands between the seal and the events. So
// each byte of a row is under one of two hashes: the events under the one that
// they came with, all else under the seal.
const (
	sealTag  = 5<<3 | byte(protowire.Fixed64Type)
	sealSize = 1 + 8
)

// chunkHead is what a chunk says of its events.
type chunkHead struct {
	first    uint64 // number of the first one
	position eventnode.Position
	count    uint32
	checksum uint64
	size     int // bytes of the records
	keySlots []byte
}

// last is the number of the last event.
func (c chunkHead) last() uint64 { return c.first + uint64(c.count) - 1 }

// chunk is a chunk with its events, which are valid as long as the entry that it
// was decoded from.
type chunk struct {
	chunkHead
	records []byte
}

// encodeHead is a chunk's row up to the events.
func encodeHead(key []byte, m *storagev1.Chunk) ([]byte, error) {
	b := make([]byte, sealSize, sealSize+48+len(m.GetKeySlots()))
	b, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(b, m)
	if err != nil {
		return nil, err
	}
	putSeal(b, key, b[sealSize:])
	return b, nil
}

// putSeal writes the seal of a key and a head to the beginning of a row.
func putSeal(b, key, head []byte) {
	b[0] = sealTag
	binary.LittleEndian.PutUint64(b[1:], seal(key, head))
}

func seal(key, head []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(key) // it never fails
	_, _ = d.Write(head)
	return d.Sum64()
}

// decodeChunk reads a chunk's row. It does not look at the events.
func decodeChunk(e engine.Entry) (chunk, error) {
	if len(e.Key) != chunkKeySize || len(e.Value) < sealSize || e.Value[0] != sealTag {
		return chunk{}, damaged("chunk %x: it is cut short", e.Key)
	}
	end := headEnd(e.Value)
	if end == 0 || seal(e.Key, e.Value[sealSize:end]) != binary.LittleEndian.Uint64(e.Value[1:]) {
		return chunk{}, damaged("chunk %x: its head does not match its seal", e.Key)
	}
	var m storagev1.Chunk
	if err := proto.Unmarshal(e.Value[sealSize:end], &m); err != nil || m.GetCount() == 0 {
		return chunk{}, damaged("chunk %x: its head makes no sense: %v", e.Key, err)
	}
	return chunk{records: e.Value[end:], chunkHead: chunkHead{
		first: lastNumber(e.Key), position: position(m.GetPosition()), count: m.GetCount(),
		checksum: m.GetChecksum(), size: len(e.Value) - end, keySlots: m.GetKeySlots(),
	}}, nil
}

// headEnd is where a chunk's first event begins; 0 if there is none.
func headEnd(b []byte) int {
	for at := sealSize; at < len(b); {
		if b[at] == envelopeTag {
			return at
		}
		_, _, n := protowire.ConsumeField(b[at:])
		if n < 0 {
			return 0
		}
		at += n
	}
	return 0
}

// verify compares the events with their checksum.
func (c chunk) verify() error {
	if got := Checksum(c.records); got != c.checksum {
		return damaged("events %d to %d: checksum %016x, want %016x", c.first, c.last(), got, c.checksum)
	}
	return nil
}

// from is the part of the chunk from an event on, which is in it, and at most so
// many events.
func (c chunk) from(number, most uint64) (Slice, error) {
	skip := number - c.first
	take := min(uint64(c.count)-skip, most)
	s := Slice{Number: number, Count: int(take), Records: c.records,
		First: eventnode.Position{MS: c.position.MS, Seq: c.position.Seq + skip}}
	if take == uint64(c.count) {
		return s, nil
	}
	begin := len(c.records) - len(wire.Skip(c.records, int(skip)))
	end := len(c.records) - len(wire.Skip(c.records[begin:], s.Count))
	s.Records = c.records[begin:end:end]
	if wire.CountRecords(s.Records) != s.Count {
		return s, damaged("events %d to %d: there are fewer", c.first, c.last())
	}
	return s, nil
}
