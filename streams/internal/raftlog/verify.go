package raftlog

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/hashicorp/raft-wal/types"
)

// Verified is what Verify has read.
type Verified struct {
	// Bytes are those of the files, Entries those that were verified.
	Bytes, Entries uint64
}

// maxVerifyTries is how often a segment is read again because it was changed
// meanwhile, before it is left to the next time.
const maxVerifyTries = 3

// Verify reads the log as it is on disk, while it is written to: each batch and each
// entry that was durable when a segment's turn came. It calls found for each segment
// that is damaged, with what is wrong with it first, and step before each piece that
// it reads, with its bytes: an error of step ends it. It does not end the log.
func (l *Log) Verify(step func(bytes int) error, found func(error)) (Verified, error) {
	v := &verifier{log: l, step: step}
	if _, err := loadMeta(l.cfg.FS, l.cfg.Dir); err != nil {
		found(err)
	}
	for _, info := range l.meta.segments() {
		damage, err := v.segment(info)
		switch {
		case err != nil:
			return v.out, err
		case damage != nil:
			found(damage)
		}
	}
	return v.out, nil
}

// FileBytes is about how many bytes Verify will read.
func (l *Log) FileBytes() uint64 {
	return uint64(len(l.meta.segments())) * uint64(l.cfg.SegmentBytes)
}

// segments is the list as it is now.
func (m *meta) segments() []types.SegmentInfo {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.now.State.Segments)
}

// verifier is one Verify.
type verifier struct {
	log  *Log
	step func(int) error
	out  Verified
	err  error // of step
}

// segment looks at one segment. What looks damaged because the segment was cut,
// replaced or removed meanwhile is looked at again.
func (v *verifier) segment(info types.SegmentInfo) (damage, err error) {
	for range maxVerifyTries {
		durable := v.log.durable.Load()
		s, damage := v.scan(info)
		if v.err != nil {
			return nil, v.err
		}
		if info.SealTime.IsZero() && durable < info.BaseIndex {
			return nil, nil // it is being made: nothing in it is durable yet
		}
		if damage == nil {
			damage = whole(info, s, durable)
		}
		if damage == nil {
			v.out.Entries += uint64(len(s.offsets))
			return nil, nil
		}
		same, there := v.now(info)
		switch {
		case v.log.isClosed():
			return nil, ErrClosed
		case !there:
			return nil, nil // cut off at one end: nobody needs it
		case same && v.log.durable.Load() >= durable:
			return damage, nil
		}
		info = v.latest(info)
	}
	return nil, nil
}

// scan reads the file.
func (v *verifier) scan(info types.SegmentInfo) (scanned, error) {
	f, err := v.log.cfg.FS.OpenReader(v.log.cfg.Dir, segmentName(info))
	if errors.Is(err, os.ErrNotExist) {
		return scanned{}, &DamageError{Index: info.MinIndex, Where: segmentName(info), Reason: "missing"}
	}
	if err != nil {
		return scanned{}, err
	}
	s, err := scanSegment(&pacedReader{f, v}, info, func(index uint64, payload []byte) error { return checkEntry(index, payload, info) })
	return s, errors.Join(err, f.Close())
}

// whole says what of a segment is missing: of a full one any entry, of the one that
// is written to those that were durable.
func whole(info types.SegmentInfo, s scanned, durable uint64) error {
	full, last, got := !info.SealTime.IsZero(), durable, s.last(info)
	if full {
		last = info.MaxIndex
	}
	switch {
	case s.stop != "" && (full || got < last):
		return &DamageError{Index: got + 1, Where: where(info, s.end), Reason: s.stop}
	case last >= info.BaseIndex && got < last:
		return &DamageError{Index: got + 1, Where: where(info, s.end), Reason: fmt.Sprintf("ends before entry %d", last)}
	case full && info.IndexStart != 0 && int64(info.IndexStart) != s.index:
		return &DamageError{Index: info.BaseIndex, Where: where(info, s.index), Reason: "index is not where it was"}
	}
	return nil
}

// now reports whether a segment is as it was, and whether it is there.
func (v *verifier) now(was types.SegmentInfo) (same, there bool) {
	for _, info := range v.log.meta.segments() {
		if info.ID == was.ID {
			return info == was, true
		}
	}
	return false, false
}

func (v *verifier) latest(was types.SegmentInfo) types.SegmentInfo {
	for _, info := range v.log.meta.segments() {
		if info.ID == was.ID {
			return info
		}
	}
	return was
}

// pacedReader is a file that is read step by step.
type pacedReader struct {
	types.ReadableFile
	v *verifier
}

// ReadAt implements io.ReaderAt.
func (p *pacedReader) ReadAt(b []byte, off int64) (int, error) {
	if p.v.err == nil {
		p.v.err = p.v.step(len(b))
	}
	if p.v.err != nil {
		return 0, p.v.err
	}
	n, err := p.ReadableFile.ReadAt(b, off)
	p.v.out.Bytes += uint64(n)
	return n, err
}

// isClosed reports whether the files may be another Log's by now.
func (l *Log) isClosed() bool {
	l.life.mu.Lock()
	defer l.life.mu.Unlock()
	return l.life.closed
}
