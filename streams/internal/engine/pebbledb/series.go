package pebbledb

import (
	"bytes"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// A series is the rows whose keys differ in their last eight bytes only, as the
// chunks of a stream do. It grows at its end and is deleted from its front.
//
// Left to itself, a table that is flushed spans all there is between the first row
// and the last one in memory, so all tables overlap, and going down a level rewrites
// that level. So a table ends where a long series begins, where it ends, and between
// what is deleted at its front and what is new at its end: then most of what is new
// overlaps nothing.
const (
	seriesNumber = 8
	// seriesValue is the shortest value that counts: less is not worth the looking.
	seriesValue = 1 << 10
	// seriesShare is the part of a memtable that makes a series a long one. It bounds
	// how many tables more a flush makes: two for each.
	seriesShare = 8
	// seriesWindows is how many flushes back the cuts are remembered: those that wait,
	// and the one that is filled.
	seriesWindows = waitingTables + 1
)

// series remembers where to cut. What it says is good advice and no more.
type series struct {
	long int // bytes

	mu   sync.Mutex
	cuts [seriesWindows][][]byte // the newest first
	runs map[string]*run         // of the newest
}

// run is the new rows of a series.
type run struct {
	first []byte
	size  int
}

func newSeries(memtable int64) *series {
	return &series{long: int(memtable) / seriesShare, runs: make(map[string]*run)}
}

// note takes notice of a row that was set.
func (s *series) note(key []byte, size int) {
	if size < seriesValue || len(key) <= seriesNumber {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := key[:len(key)-seriesNumber]
	r := s.runs[string(of)]
	if r == nil {
		r = &run{first: bytes.Clone(key)}
		s.runs[string(of)] = r
	}
	if bytes.Compare(key, r.first) < 0 {
		r.first = bytes.Clone(key)
	}
	before := r.size
	if r.size += size; before < s.long && r.size >= s.long {
		s.cuts[0] = append(s.cuts[0], bytes.Clone(of), r.first, after(of))
	}
}

// turn says that a flush begins: what comes is in another memtable.
func (s *series) turn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	copy(s.cuts[1:], s.cuts[:])
	s.cuts[0] = nil
	clear(s.runs)
}

// policy is pebble's SpanPolicyFunc: a table that begins with a key ends before the
// next cut.
func (s *series) policy(start []byte) (pebble.SpanPolicy, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var end []byte
	for _, cuts := range s.cuts {
		for _, cut := range cuts {
			if bytes.Compare(cut, start) > 0 && (end == nil || bytes.Compare(cut, end) < 0) {
				end = cut
			}
		}
	}
	return pebble.SpanPolicy{}, end, nil
}

// after is the first key behind all that begin with a prefix; nil if there is none.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return nil
	}
	end[len(end)-1]++
	return end
}
