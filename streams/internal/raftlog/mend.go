package raftlog

import (
	"errors"
	"time"

	"github.com/hashicorp/raft-wal/types"
)

// known returns the highest index that the tail is known to have had.
func (c *checker) known(info types.SegmentInfo) uint64 {
	known := uint64(0)
	if info.MinIndex > info.BaseIndex {
		known = info.MinIndex
	}
	if end := c.out.meta.End; end.SegmentID == info.ID {
		known = max(known, end.Index)
	}
	return known
}

// mend sets to zero what a write left that a crash cut short. raft-wal would
// try to make sense of it.
func (c *checker) mend(info types.SegmentInfo, s scanned) (err error) {
	f, err := c.fs.OpenWriter(c.dir, segmentName(info))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	reason, err := tornOrDamaged(f, s)
	if err != nil {
		return err
	}
	if reason != "" {
		return c.damage(s.last(info)+1, where(info, s.end), reason)
	}
	c.logger.Warn("log's last write was cut short by a crash, and is dropped",
		"file", segmentName(info), "offset", s.end, "bytes", s.dataEnd-s.end, "reason", s.stop)
	zeros := make([]byte, windowLen)
	for at := s.end; at < s.dataEnd; at += windowLen {
		if _, err := f.WriteAt(zeros[:min(windowLen, s.dataEnd-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// finish closes a full segment that a crash left open. raft-wal would open it,
// and then refuse to write to it.
func (c *checker) finish(info types.SegmentInfo, s scanned) error {
	st := &c.out.meta.State
	full := info
	full.SealTime, full.MaxIndex, full.IndexStart = time.Now(), c.out.last, uint64(s.index)
	next := types.SegmentInfo{
		ID: st.NextSegmentID, BaseIndex: c.out.last + 1, MinIndex: c.out.last + 1,
		Codec: codecID, CreateTime: time.Now(), SizeLimit: info.SizeLimit,
	}
	st.NextSegmentID++
	st.Segments = append(st.Segments[:len(st.Segments)-1:len(st.Segments)-1], full, next)
	return c.save()
}
