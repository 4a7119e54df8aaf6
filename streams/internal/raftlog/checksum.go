package raftlog

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"
)

// What an entry carries in Log.Extensions: one byte for the format, then in
// format 1 the xxhash64, little endian, of index, term, type and the xxhash64 of
// the data. It is not a CRC32C, because the segment's commit frames are: what
// slips through the one polynomial slips through it again. It has 64 bits, and
// is as fast.
const (
	sumFormat = 1
	sumLen    = 9
)

func checksum(l *raft.Log) uint64 {
	var b [25]byte
	binary.LittleEndian.PutUint64(b[0:], l.Index)
	binary.LittleEndian.PutUint64(b[8:], l.Term)
	b[16] = byte(l.Type)
	binary.LittleEndian.PutUint64(b[17:], xxhash.Sum64(l.Data))
	return xxhash.Sum64(b[:])
}

func appendSum(to []byte, l *raft.Log) []byte {
	return binary.LittleEndian.AppendUint64(append(to, sumFormat), checksum(l))
}

// verify returns a *DamageError unless the entry is as it was stored.
func verify(l *raft.Log, where string) error {
	if reason := mismatch(l); reason != "" {
		return &DamageError{Index: l.Index, Term: l.Term, Where: where, Reason: reason}
	}
	return nil
}

func mismatch(l *raft.Log) string {
	switch {
	case !sums:
		return ""
	case len(l.Extensions) == 0:
		return "no checksum"
	case l.Extensions[0] != sumFormat:
		return fmt.Sprintf("checksum of unknown format %d", l.Extensions[0])
	case len(l.Extensions) != sumLen:
		return fmt.Sprintf("checksum of %d bytes", len(l.Extensions))
	case binary.LittleEndian.Uint64(l.Extensions[1:]) != checksum(l):
		return "checksum does not match"
	}
	return ""
}

// stamp gives a checksum to the entries that have none, which are those that a
// leader is about to store for the first time, and verifies the others. It
// replaces Extensions and changes none in place.
func stamp(logs []*raft.Log) error {
	sums := make([]byte, 0, sumLen*len(logs))
	for _, l := range logs {
		if len(l.Extensions) > 0 {
			if err := verify(l, "entry to store"); err != nil {
				return err
			}
			continue
		}
		start := len(sums)
		sums = appendSum(sums, l)
		l.Extensions = sums[start:len(sums):len(sums)]
	}
	return nil
}
