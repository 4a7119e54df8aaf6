package raftlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hashicorp/raft-wal/types"
)

// raft-wal's segment format, version 0, as far as a reader needs it. All numbers
// are little endian, all offsets multiples of 8. A file is a header and frames:
//
//	header: magic 4 bytes, reserved 3, version 1, first index 8, segment number 8, codec 8
//	frame:  kind 1, reserved 3, length or CRC32C 4; payload, zeros to the next multiple of 8
//
// A batch is entry frames, an index frame if the file is full, and a commit frame
// with the CRC32C of the batch before it; the header belongs to the first batch.
// An index frame holds the offsets of all entry frames, 4 bytes each.
const (
	segmentMagic = 0x58eb6b0d
	headerLen    = 32
	frameLen     = 8

	kindEntry  = 1
	kindIndex  = 2
	kindCommit = 3

	// maxEntry is what raft-wal is willing to read back; it would store more.
	maxEntry = 64 << 20
)

// frame is the head of a frame.
type frame struct {
	kind byte
	len  uint32 // of an entry or an index
	crc  uint32 // of a commit
}

// size is what the frame takes in the file.
func (f frame) size() int64 { return frameLen + (int64(f.len)+7)&^7 }

// parseFrame reads the head of a frame, or says why it is none.
func parseFrame(b []byte) (frame, string) {
	if len(b) < frameLen {
		return frame{}, "frame is cut"
	}
	if b[1]|b[2]|b[3] != 0 {
		return frame{}, "frame has reserved bits set"
	}
	n := binary.LittleEndian.Uint32(b[4:])
	switch f := (frame{kind: b[0], len: n}); f.kind {
	case kindCommit:
		return frame{kind: kindCommit, crc: n}, ""
	case kindEntry:
		if n < entryLen || n > maxEntry {
			return frame{}, fmt.Sprintf("entry frame of %d bytes", n)
		}
		return f, ""
	case kindIndex:
		if n%4 != 0 || n > math.MaxInt32 {
			return frame{}, fmt.Sprintf("index frame of %d bytes", n)
		}
		return f, ""
	default:
		return frame{}, fmt.Sprintf("frame of unknown kind %d", b[0])
	}
}

// checkHeader compares a file's header with what the meta file says.
func checkHeader(b []byte, want types.SegmentInfo) string {
	var w [headerLen]byte
	binary.LittleEndian.PutUint32(w[0:], segmentMagic)
	binary.LittleEndian.PutUint64(w[8:], want.BaseIndex)
	binary.LittleEndian.PutUint64(w[16:], want.ID)
	binary.LittleEndian.PutUint64(w[24:], want.Codec)
	if !bytes.Equal(b, w[:]) {
		return "header is not that of this segment"
	}
	return ""
}
