package pebbledb

import (
	"sync/atomic"
	"time"
)

// A read of one block may take very long: of a disk that hangs or, and then it keeps
// a processor busy, of a damaged block. Pebble looks for the bit that was flipped in
// its first 40 KiB, with a checksum over all of it for each bit: a minute for a block
// of 2 MiB. Nothing can end it, so at least it is known that it goes on.

// watched bounds the reads whose time is taken. More at once are not.
const watched = 64

// stopwatch says for how long reads have been under way.
type stopwatch struct {
	begun time.Time
	next  atomic.Uint32
	since [watched]atomic.Int64 // ns since begun, and at least 1; 0: free
}

func newStopwatch() *stopwatch { return &stopwatch{begun: time.Now()} }

// start begins a read, and returns what to call stop with.
func (w *stopwatch) start() int {
	now := max(int64(time.Since(w.begun)), 1)
	from := w.next.Add(1)
	for i := range uint32(watched) {
		if at := (from + i) % watched; w.since[at].CompareAndSwap(0, now) {
			return int(at)
		}
	}
	return -1
}

func (w *stopwatch) stop(at int) {
	if at >= 0 {
		w.since[at].Store(0)
	}
}

// longest is for how long the one has been under way that began first.
func (w *stopwatch) longest() time.Duration {
	first := int64(0)
	for i := range w.since {
		if at := w.since[i].Load(); at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	if first == 0 {
		return 0
	}
	return time.Since(w.begun) - time.Duration(first)
}
