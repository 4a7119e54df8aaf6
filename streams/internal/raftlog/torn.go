package raftlog

import (
	"io"
)

// searchBudget bounds the search for whole batches, in frames looked at and in
// times the length of what is searched: what looks like a frame may be data that
// somebody made to look like frames.
const (
	searchFrames = 1 << 22
	searchTimes  = 16
)

// tornOrDamaged says what is wrong with the bytes after the last whole batch of
// a file that was being written to. An empty reason: a crash cut the last write
// short. Nobody was told of that write, as it has one commit frame, written last
// and fsynced with it, and none began before it.
func tornOrDamaged(r io.ReaderAt, s scanned) (string, error) {
	search := newSearch(r, s)
	found, err := search.wholeBatch(s)
	switch {
	case err != nil:
		return "", err
	case found:
		return s.stop + ", and a whole batch follows", nil
	case s.brokenAt == 0:
		return "", nil
	}
	// The commit frame is there. A write that was lost left zeros, at least up
	// to the end of a sector.
	lost, err := search.check.hasZeroSector(s.end, s.brokenAt)
	if err != nil || lost {
		return "", err
	}
	return s.stop + ", and no part of the batch is missing", nil
}

// search looks for batches at places that frames do not lead to.
type search struct {
	find  *window // goes through the file once
	walk  *window // follows frames from a place that find came to
	check *window // reads batches
	end   int64

	frames int
	bytes  int64
}

func newSearch(r io.ReaderAt, s scanned) *search {
	size := int(min(windowLen, s.dataEnd-s.end+frameLen))
	return &search{
		find:  &window{r: r, size: size},
		walk:  &window{r: r, size: size},
		check: &window{r: r, size: size},
		end:   s.dataEnd, frames: searchFrames, bytes: searchTimes * (s.dataEnd - s.end + windowLen),
	}
}

// wholeBatch reports whether there is a whole batch after the one that is not,
// wherever it begins. If it cannot tell within its budget it says that there is:
// a copy that is rebuilt for nothing is better than one that forgot.
func (s *search) wholeBatch(from scanned) (bool, error) {
	start := from.end
	if start == 0 {
		start = headerLen
	}
	for at := start; at+frameLen <= s.end; at += frameLen {
		b, err := s.find.at(at, frameLen)
		if err != nil {
			return false, err
		}
		f, reason := parseFrame(b)
		if reason != "" || f.kind == kindIndex || at+f.size() > s.end {
			continue
		}
		begin := at
		if f.kind == kindCommit {
			begin += frameLen
		}
		if found, err := s.follow(begin); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// follow walks along frames and reports whether a commit frame matches the
// entries between it and the commit frame before it, or the beginning.
func (s *search) follow(at int64) (bool, error) {
	begin := at
	for at+frameLen <= s.end {
		if s.frames--; s.frames < 0 || s.bytes < 0 {
			return true, nil
		}
		b, err := s.walk.at(at, frameLen)
		if err != nil {
			return false, err
		}
		f, reason := parseFrame(b)
		if reason != "" {
			return false, nil
		}
		if f.kind == kindCommit {
			if at > begin {
				s.bytes -= at - begin
				sum, err := s.check.crc(begin, at)
				if err != nil || sum == f.crc {
					return err == nil, err
				}
			}
			begin = at + frameLen
		}
		at += f.size()
	}
	return false, nil
}
