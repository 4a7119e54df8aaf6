package raftlog

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
)

// windowLen is how much of a file is read at a time, at most.
const windowLen = 1 << 20

// window reads a file from front to back through one buffer, which grows to the
// largest piece that was asked for.
type window struct {
	r     io.ReaderAt
	size  int   // how much to read at a time
	start int64 // where buf begins in the file
	buf   []byte
}

// at returns n bytes from an offset on, fewer at the end of the file. They are
// valid until the next call.
func (w *window) at(off int64, n int) ([]byte, error) {
	if off < w.start || off+int64(n) > w.start+int64(len(w.buf)) {
		if err := w.fill(off, max(n, w.size)); err != nil {
			return nil, err
		}
	}
	b := w.buf[min(off-w.start, int64(len(w.buf))):]
	return b[:min(n, len(b))], nil
}

func (w *window) fill(off int64, n int) error {
	if cap(w.buf) < n {
		w.buf = make([]byte, n)
	}
	got, err := w.r.ReadAt(w.buf[:n], off)
	w.start, w.buf = off, w.buf[:got]
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// dataEnd returns the offset after the last byte at or beyond off that is not
// zero; off, if there is none.
func (w *window) dataEnd(off int64) (int64, error) {
	end := off
	for {
		b, err := w.at(off, w.size)
		if err != nil || len(b) == 0 {
			return end, err
		}
		if n := len(bytes.TrimRight(b, "\x00")); n > 0 {
			end = off + int64(n)
		}
		off += int64(len(b))
	}
}

// crc returns the CRC32C of a range.
func (w *window) crc(from, to int64) (uint32, error) {
	sum := uint32(0)
	for from < to {
		b, err := w.at(from, int(min(int64(w.size), to-from)))
		if err != nil || len(b) == 0 {
			return sum, err
		}
		sum = crc32.Update(sum, castagnoli(), b)
		from += int64(len(b))
	}
	return sum, nil
}

// hasZeroSector reports whether a range has a sector that is all zero, as far
// as it lies in the range; what is left of less than a frame does not count.
func (w *window) hasZeroSector(from, to int64) (bool, error) {
	const sector = 512
	for from < to {
		end := min(from&^(sector-1)+sector, to)
		b, err := w.at(from, int(end-from))
		if err != nil {
			return false, err
		}
		if len(b) >= frameLen && len(bytes.TrimRight(b, "\x00")) == 0 {
			return true, nil
		}
		from = end
	}
	return false, nil
}
