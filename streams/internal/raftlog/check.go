package raftlog

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/hashicorp/raft-wal/types"
)

// progressBytes is how much is checked between two lines in the log.
const progressBytes = 1 << 30

// checked is what a directory was found to hold.
type checked struct {
	meta        metaContent
	first, last uint64 // 0 if there are no entries
	bytes       int64
	unindexed   map[uint64][]uint32 // see filer
}

// checker reads a directory before raft-wal does, and mends what a crash left.
type checker struct {
	fs     FS
	dir    string
	logger *slog.Logger
	sizes  *sizes

	out    checked
	logged int64
}

func (c *checker) check() (checked, error) {
	names, err := c.segments()
	if err != nil {
		return c.out, err
	}
	c.out.unindexed = make(map[uint64][]uint32)
	c.out.meta, err = loadMeta(c.fs, c.dir)
	switch {
	case isNew(err, names):
		return c.out, c.save()
	case errors.Is(err, os.ErrNotExist):
		return c.out, c.damage(0, metaName, fmt.Sprintf("missing, and there are %d segments", len(names)))
	case err != nil:
		return c.out, err
	}
	if err := c.checkNames(names); err != nil {
		return c.out, err
	}
	return c.out, c.checkList()
}

func (c *checker) save() error {
	return (&meta{fs: c.fs, dir: c.dir, end: func() uint64 { return c.out.last }}).put(c.out.meta)
}

func (c *checker) damage(index uint64, file, reason string) error {
	return &DamageError{Index: index, Where: file, Reason: reason}
}

func (c *checker) segments() ([]string, error) {
	all, err := c.fs.ListDir(c.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range all {
		if strings.HasSuffix(n, ".wal") {
			names = append(names, n)
		}
	}
	return names, nil
}

// checkNames refuses a directory with segments newer than its list: the list was
// put back from a copy, and raft-wal would delete what it does not name. A
// segment's number is in the list before its file is made.
func (c *checker) checkNames(names []string) error {
	for _, n := range names {
		var info types.SegmentInfo
		if _, err := fmt.Sscanf(n, "%020d-%016x.wal", &info.BaseIndex, &info.ID); err != nil || segmentName(info) != n {
			return c.damage(0, n, "not the name of a segment")
		}
		if info.ID >= c.out.meta.State.NextSegmentID {
			return c.damage(info.BaseIndex, n, "newer than the list of segments")
		}
	}
	return nil
}

func (c *checker) checkList() error {
	list := c.out.meta.State.Segments
	for i, info := range list {
		tail := i == len(list)-1
		switch {
		case info.Codec != codecID:
			return c.damage(info.BaseIndex, segmentName(info), fmt.Sprintf("entries in unknown format %x", info.Codec))
		case tail == !info.SealTime.IsZero():
			return c.damage(info.BaseIndex, segmentName(info), "only the last segment is open, and it must be")
		case i > 0 && info.BaseIndex != list[i-1].MaxIndex+1:
			return c.damage(info.BaseIndex, segmentName(info), fmt.Sprintf("follows entry %d", list[i-1].MaxIndex))
		}
		check := c.checkFull
		if tail {
			check = c.checkTail
		}
		if err := check(info); err != nil {
			return err
		}
	}
	return nil
}

// checkFull checks a segment that is no longer written to.
func (c *checker) checkFull(info types.SegmentInfo) error {
	s, err := c.scan(info, info.MaxIndex)
	if errors.Is(err, os.ErrNotExist) {
		return c.damage(info.MinIndex, segmentName(info), "missing")
	}
	if err != nil {
		return err
	}
	next := s.last(info) + 1
	switch {
	case s.stop != "":
		return c.damage(next, where(info, s.end), s.stop)
	case next <= info.MaxIndex:
		return c.damage(next, where(info, s.end), fmt.Sprintf("ends before entry %d", info.MaxIndex))
	case info.IndexStart != 0 && int64(info.IndexStart) != s.index:
		return c.damage(info.BaseIndex, where(info, s.index), "index is not where it was")
	case info.IndexStart == 0:
		c.out.unindexed[info.ID] = s.offsets
	}
	c.extend(info, info.MaxIndex)
	return nil
}

// extend takes note of a segment's entries.
func (c *checker) extend(info types.SegmentInfo, last uint64) {
	if c.out.first == 0 {
		c.out.first = info.MinIndex
	}
	c.out.last = last
}

// checkTail checks the segment that is written to, and mends its end.
func (c *checker) checkTail(info types.SegmentInfo) error {
	s, err := c.scan(info, 0)
	missing := errors.Is(err, os.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	if !missing && s.stop != "" {
		if err := c.mend(info, s); err != nil {
			return err
		}
	}
	last := s.last(info)
	if known := c.known(info); last < known {
		return c.damage(last+1, where(info, s.end), fmt.Sprintf("ends before entry %d, which was there", known))
	}
	if last >= info.BaseIndex {
		c.extend(info, last)
	}
	if s.index != 0 {
		return c.finish(info, s)
	}
	return nil
}

// scan reads one segment, and its entries into sizes: those from MinIndex on,
// up to last, unless that is 0.
func (c *checker) scan(info types.SegmentInfo, last uint64) (scanned, error) {
	f, err := c.fs.OpenReader(c.dir, segmentName(info))
	if err != nil {
		return scanned{}, err
	}
	var found []entrySize
	s, err := scanSegment(f, info, func(index uint64, payload []byte) error {
		if index >= info.MinIndex && (last == 0 || index <= last) {
			found = append(found, entrySize{index, len(payload) + frameLen})
		}
		return checkEntry(index, payload, info)
	})
	if err = errors.Join(err, f.Close()); err != nil {
		return s, err
	}
	for _, e := range found {
		if e.index <= s.last(info) {
			c.sizes.add(e.index, e.bytes)
		}
	}
	c.progress(info, s.end)
	return s, nil
}

type entrySize struct {
	index uint64
	bytes int
}

func (c *checker) progress(info types.SegmentInfo, n int64) {
	c.out.bytes += n
	if c.out.bytes-c.logged >= progressBytes {
		c.logged = c.out.bytes
		c.logger.Info("checking the log", "dir", c.dir, "segment", segmentName(info), "bytes", c.out.bytes)
	}
}

// checkEntry verifies one entry of a segment.
func checkEntry(index uint64, payload []byte, info types.SegmentInfo) error {
	l, err := viewEntry(payload)
	if damage := (*DamageError)(nil); errors.As(err, &damage) {
		return &DamageError{Index: index, Term: damage.Term, Where: segmentName(info), Reason: damage.Reason}
	}
	if l.Index != index {
		return &DamageError{Index: index, Term: l.Term, Where: segmentName(info), Reason: fmt.Sprintf("holds entry %d", l.Index)}
	}
	return verify(&l, segmentName(info))
}
