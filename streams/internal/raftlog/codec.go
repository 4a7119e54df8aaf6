package raftlog

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// How an entry looks inside its frame, all numbers little endian:
//
//	0  index        8 bytes
//	8  term         8
//	16 appended     8  nanoseconds since 1970, 0 for none
//	24 extensions   4  their length
//	28 type         1
//	29 reserved     3  zero
//	32 CRC32C       4  of all above and of the extensions
//	36 extensions, then data to the end
//
// Data has its own checksum in the extensions. raft-wal's codec is not used: it
// panics on some of what a flipped byte makes of an entry.
const (
	// codecID names this format in segment headers. Another format gets
	// another one.
	codecID  = 0x65766e6c_00000001
	entryLen = 36
)

var _ wal.Codec = (*codec)(nil)

// codec writes and reads entries. After a late write it refuses to read what
// the caller no longer promises to leave as it is.
type codec struct {
	mu   sync.Mutex
	shut error
}

// ID implements wal.Codec.
func (c *codec) ID() uint64 { return codecID }

// shutdown returns when no entry is being encoded, and none will be.
func (c *codec) shutdown(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut = err
}

// whileOpen runs fn, unless there was a shutdown.
func (c *codec) whileOpen(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut == nil {
		fn()
	}
}

// Encode implements wal.Codec. After a shutdown it fails without looking at l.
func (c *codec) Encode(l *raft.Log, w io.Writer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut != nil {
		return c.shut
	}
	if b, ok := w.(*bytes.Buffer); ok {
		b.Grow(encodedLen(l))
	}
	var head [entryLen]byte
	putEntryHead(head[:], l)
	for _, part := range [][]byte{head[:], l.Extensions, l.Data} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func encodedLen(l *raft.Log) int { return entryLen + len(l.Extensions) + len(l.Data) }

func putEntryHead(b []byte, l *raft.Log) {
	binary.LittleEndian.PutUint64(b[0:], l.Index)
	binary.LittleEndian.PutUint64(b[8:], l.Term)
	if !l.AppendedAt.IsZero() {
		binary.LittleEndian.PutUint64(b[16:], uint64(l.AppendedAt.UnixNano()))
	}
	binary.LittleEndian.PutUint32(b[24:], uint32(len(l.Extensions)))
	b[28] = byte(l.Type)
	sum := crc32.Checksum(b[:32], castagnoli())
	binary.LittleEndian.PutUint32(b[32:], crc32.Update(sum, castagnoli(), l.Extensions))
}

// Decode copies what it keeps, as raft-wal asks.
func (c *codec) Decode(b []byte, l *raft.Log) error {
	view, err := viewEntry(b)
	if err != nil {
		return err
	}
	kept := bytes.Clone(b[entryLen:])
	n := len(view.Extensions)
	view.Extensions, view.Data = kept[:n:n], kept[n:]
	*l = view
	return nil
}

// viewEntry reads an entry whose bytes stay where they are. It does not look at
// the checksum of the data.
func viewEntry(b []byte) (raft.Log, error) {
	if len(b) < entryLen {
		return raft.Log{}, &DamageError{Where: "entry", Reason: "too short"}
	}
	l := raft.Log{
		Index: binary.LittleEndian.Uint64(b[0:]),
		Term:  binary.LittleEndian.Uint64(b[8:]),
		Type:  raft.LogType(b[28]),
	}
	ext := uint64(binary.LittleEndian.Uint32(b[24:]))
	if ext > uint64(len(b)-entryLen) {
		return raft.Log{}, &DamageError{Index: l.Index, Term: l.Term, Where: "entry", Reason: "head is cut"}
	}
	l.Extensions, l.Data = b[entryLen:entryLen+ext], b[entryLen+ext:]
	sum := crc32.Checksum(b[:32], castagnoli())
	if crc32.Update(sum, castagnoli(), l.Extensions) != binary.LittleEndian.Uint32(b[32:]) {
		return raft.Log{}, &DamageError{Index: l.Index, Term: l.Term, Where: "entry", Reason: "head does not match its checksum"}
	}
	if at := int64(binary.LittleEndian.Uint64(b[16:])); at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	return l, nil
}

// castagnoli is the table of raft-wal's frames; MakeTable returns always the
// same one for this polynomial.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
