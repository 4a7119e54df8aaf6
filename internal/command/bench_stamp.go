package command

import (
	"encoding/binary"
	"time"
)

// stampBytes is the size of a stamp, in bytes.
const stampBytes = 24

// stamp is what the data of a bench event begins with.
type stamp struct {
	publisher uint64
	number    uint64 // from 0
	sent      int64  // nanoseconds since the run's start, by its monotonic clock
}

// put writes s to the beginning of b.
func (s stamp) put(b []byte) {
	binary.BigEndian.PutUint64(b[0:], s.publisher)
	binary.BigEndian.PutUint64(b[8:], s.number)
	binary.BigEndian.PutUint64(b[16:], uint64(s.sent))
}

// readStamp is the inverse of put. It reports false if b is too short.
func readStamp(b []byte) (stamp, bool) {
	if len(b) < stampBytes {
		return stamp{}, false
	}
	return stamp{
		publisher: binary.BigEndian.Uint64(b[0:]),
		number:    binary.BigEndian.Uint64(b[8:]),
		sent:      int64(binary.BigEndian.Uint64(b[16:])),
	}, true
}

// tally counts what one subscriber received of each publisher, and judges it.
type tally struct {
	seen       [][]uint64 // per publisher a bit an event
	highest    []int64    // per publisher the highest number so far; -1: none
	count      uint64     // events of each publisher
	distinct   int
	duplicates int
	outOfOrder int
	strange    int // events that no publisher of this run sent
	latency    histogram
}

// newTally expects count events from each of so many publishers.
func newTally(publishers, count int) *tally {
	t := &tally{count: uint64(count), highest: make([]int64, publishers)}
	for i := range publishers {
		t.seen = append(t.seen, make([]uint64, (count+63)/64))
		t.highest[i] = -1
	}
	return t
}

// add takes one event that arrived at now, on the clock of stamp.sent.
func (t *tally) add(data []byte, now time.Duration) {
	s, ok := readStamp(data)
	if !ok || s.publisher >= uint64(len(t.seen)) || s.number >= t.count {
		t.strange++
		return
	}
	word, bit := &t.seen[s.publisher][s.number/64], uint64(1)<<(s.number%64)
	switch {
	case *word&bit != 0:
		t.duplicates++
		return
	case int64(s.number) < t.highest[s.publisher]:
		t.outOfOrder++
	default:
		t.highest[s.publisher] = int64(s.number)
	}
	*word |= bit
	t.distinct++
	t.latency.add(int64(now) - s.sent)
}
