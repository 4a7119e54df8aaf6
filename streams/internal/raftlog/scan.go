package raftlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/hashicorp/raft-wal/types"
)

// scanned is what a segment file holds.
type scanned struct {
	// offsets of the frames of the entries, in order, in whole batches. The
	// first is BaseIndex.
	offsets []uint32
	// end is the offset after the last whole batch.
	end int64
	// index is the offset of the array of offsets; 0 if the file is not full.
	index int64
	// stop says why the batch at end is not whole; empty if the rest is zero.
	stop string
	// brokenAt is the offset of the commit frame that does not match its batch,
	// if that is why.
	brokenAt int64
	// dataEnd is the offset after the last byte that is not zero.
	dataEnd int64
}

// visitor is called for each entry, with its payload, which is valid during the
// call. Calls come before the batch is known to be whole; its error counts only
// if it is.
type visitor func(index uint64, payload []byte) error

// scanner walks through the frames of one file.
type scanner struct {
	w     *window
	info  types.SegmentInfo
	visit visitor

	out   scanned
	pos   int64
	crc   uint32   // of the batch so far
	batch []uint32 // offsets of its entries
	index int64
	bad   error // what is wrong with its entries
}

// scanSegment reads a file from front to back. It returns a *DamageError for a
// batch that is whole, as far as its commit frame says, and wrong; another error
// if the file cannot be read. It does not judge where and why it stopped.
func scanSegment(r io.ReaderAt, info types.SegmentInfo, visit visitor) (scanned, error) {
	s := &scanner{w: &window{r: r, size: windowLen}, info: info, visit: visit}
	head, err := s.w.at(0, headerLen)
	if err != nil {
		return s.out, err
	}
	if reason := checkHeader(head, info); reason != "" {
		s.bad = s.damage(0, 0, reason)
	}
	s.crc, s.pos = crc32.Update(0, castagnoli(), head), headerLen
	for more := true; more && err == nil; {
		more, err = s.step()
	}
	if err != nil {
		return s.out, err
	}
	s.out.dataEnd, err = s.w.dataEnd(s.out.end)
	if s.out.dataEnd == s.out.end {
		s.out.stop, s.out.brokenAt = "", 0
	}
	return s.out, err
}

// step takes one frame. It reports whether there may be another.
func (s *scanner) step() (bool, error) {
	head, err := s.w.at(s.pos, frameLen)
	if err != nil {
		return false, err
	}
	f, reason := parseFrame(head)
	if reason != "" {
		return s.stopped(reason), nil
	}
	if s.out.index != 0 {
		return s.stopped("frame after the index"), nil
	}
	if f.kind == kindCommit {
		return s.commit(f)
	}
	if f.kind == kindIndex && int(f.len) != 4*(len(s.out.offsets)+len(s.batch)) {
		return s.stopped("index of another length"), nil
	}
	b, err := s.w.at(s.pos, int(f.size()))
	if err != nil {
		return false, err
	}
	if int64(len(b)) < f.size() {
		return s.stopped("frame is cut"), nil
	}
	s.crc = crc32.Update(s.crc, castagnoli(), b)
	if payload := b[frameLen : frameLen+f.len]; f.kind == kindEntry {
		s.entry(payload)
	} else {
		s.indexFrame(payload)
	}
	s.pos += f.size()
	return true, nil
}

func (s *scanner) stopped(reason string) bool {
	s.out.stop = reason
	return false
}

func (s *scanner) damage(index uint64, at int64, reason string) error {
	return &DamageError{Index: index, Where: where(s.info, at), Reason: reason}
}

func (s *scanner) entry(payload []byte) {
	index := s.info.BaseIndex + uint64(len(s.out.offsets)+len(s.batch))
	switch {
	case s.index != 0:
		s.blame(s.damage(index, s.pos, "entry after the index"))
	case s.visit != nil:
		s.blame(s.visit(index, payload))
	}
	s.batch = append(s.batch, uint32(s.pos))
}

// blame keeps the first thing that is wrong with a batch.
func (s *scanner) blame(err error) {
	if s.bad == nil {
		s.bad = err
	}
}

func (s *scanner) indexFrame(payload []byte) {
	var want bytes.Buffer
	for _, list := range [][]uint32{s.out.offsets, s.batch} {
		for _, o := range list {
			want.Write(binary.LittleEndian.AppendUint32(nil, o))
		}
	}
	if !bytes.Equal(payload, want.Bytes()) {
		s.blame(s.damage(s.info.BaseIndex, s.pos, "index does not match the frames"))
	}
	s.index = s.pos + frameLen
}

func (s *scanner) commit(f frame) (bool, error) {
	if sums && f.crc != s.crc || len(s.batch) == 0 {
		s.out.brokenAt = s.pos
		return s.stopped("commit frame does not match its batch"), nil
	}
	if s.bad != nil {
		return false, s.bad
	}
	s.pos += frameLen
	s.out.offsets = append(s.out.offsets, s.batch...)
	s.out.end, s.out.index = s.pos, s.index
	s.batch, s.crc = s.batch[:0], 0
	return true, nil
}

// last is the index of the last entry; one before the first if there is none.
func (s scanned) last(info types.SegmentInfo) uint64 {
	return info.BaseIndex + uint64(len(s.offsets)) - 1
}

func where(info types.SegmentInfo, at int64) string {
	return fmt.Sprintf("%s at %d", segmentName(info), at)
}
