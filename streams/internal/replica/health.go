package replica

import (
	"fmt"
	"time"
)

// A replica that is sick goes on taking part, but should not lead: its disk is slow
// or full, and who leads makes everybody wait for it. It waits longer than others
// before it asks to be elected, and hands what it leads to one that is well.

const (
	// slowAfter is how long a write of the log, applying, or a read takes when it makes
	// the replica sick; healthy again is who was fast for sickFor.
	slowAfter = time.Second
	sickFor   = 30 * time.Second
	// sickFactor is how much longer a sick replica waits before it asks to be
	// elected. If all are sick one of them leads all the same, a little later.
	sickFactor = 3
	// handOverEvery is how often a sick leader tries to hand over.
	handOverEvery = 5 * time.Second
	// refuseAfter is how long a leader whose own disk is full looks for one with
	// room before it refuses events.
	refuseAfter = 2 * time.Second
)

// signs is what a replica sees of itself at one moment.
type signs struct {
	writing, applying, reading time.Duration // for how long, what is under way
	free                       uint64        // bytes on the disk
}

// health is what a replica makes of it. It belongs to the goroutine that watches.
type health struct {
	low uint64 // free bytes under which the disk counts as full

	slow      string    // what was slow last
	slowUntil time.Time // until when that counts
	full      bool
	fullSince time.Time
	handOver  time.Time // when it was last tried
}

// note takes one look.
func (h *health) note(at signs, now time.Time) {
	switch {
	case at.writing > slowAfter:
		h.ail("a write of the log took longer than a second", now)
	case at.applying > slowAfter:
		h.ail("the state took longer than a second for its entries", now)
	case at.reading > slowAfter:
		h.ail("a read of the state took longer than a second", now)
	}
	switch {
	case !h.full && at.free < h.low:
		h.full, h.fullSince = true, now
	case h.full && at.free > h.low+h.low/4: // not to and fro
		h.full = false
	}
}

// ail says that the replica was slow just now.
func (h *health) ail(why string, now time.Time) { h.slow, h.slowUntil = why, now.Add(sickFor) }

// sick is why the replica should not lead; "" if it may.
func (h *health) sick(now time.Time) string {
	switch {
	case h.full:
		return fmt.Sprintf("less than %d MiB are free on the disk", h.low>>20)
	case now.Before(h.slowUntil):
		return h.slow
	}
	return ""
}

// refuses reports whether a leader takes no more events: its disk is full and
// nobody took over, or so many others' are that there is no majority with room.
func (h *health) refuses(now time.Time, voters int, others Others) bool {
	full := others.Full
	if h.full {
		full++
	}
	return h.full && now.Sub(h.fullSince) > refuseAfter || full > 0 && voters-full < voters/2+1
}

// Others is what a replica heard of the other voters of its partition. One that does
// not answer is neither.
type Others struct {
	// Well is how many may lead, Full how many have too little room on their disks.
	Well, Full int
}
