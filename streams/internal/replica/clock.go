package replica

import (
	"sync"
	"time"
)

// clock is the partition's time, as this replica would continue it.
//
// Its base is a stamp, and the moment of that by this machine's monotonic clock:
// time goes on from there as monotonic time passes. A leader moves the base with
// each stamp that it makes. When that entry is applied it changes nothing more: the
// time until then has passed, too. Who follows takes the stamps of the leader as
// they are applied. That may be late: what a leader left behind when it died is
// applied after the election, and who took that stamp for the time of its being
// applied would lose as much. So time goes on in between, by 1 % slower: as slow as a
// leader's may be.
//
// The wall clock pulls, by at most one part in pullDivisor of the time that has
// passed, so that many leaders with small errors do not drift away together; one
// that is an hour off moves time by 36 s in an hour.
//
// A replica that knows no living base (the whole cluster was off, or is new) has
// no better time than its wall clock: that sets it, forward only.
type clock struct {
	wall func() time.Time // the wall clock, if it is not that of the moments given

	mu    sync.Mutex
	base  int64     // in ns since 1970: stamps are in ms, what is between them adds up
	since time.Time // with its monotonic reading
	warm  bool      // base was continued by somebody without a break
}

// pullDivisor: the wall clock pulls by 1 %.
const pullDivisor = 100

// applied says that an entry with a stamp, in ms, was applied now. Live ones come
// from a leader that is there, others are read again from the log.
func (c *clock) applied(stamp int64, now time.Time, live bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.base / int64(time.Millisecond)
	if stamp < known || stamp == known && c.warm {
		return
	}
	base := stamp * int64(time.Millisecond)
	if c.warm {
		passed := max(now.Sub(c.since).Nanoseconds(), 0)
		base = max(base, c.base+passed-passed/pullDivisor)
	}
	c.base, c.since = base, now
	c.warm = c.warm || live
}

// observe takes over a peer's time, if that is warm and this one is not: time that
// jumped would end what is reckoned by it too early.
func (c *clock) observe(stamp int64, warm bool, now time.Time) {
	if _, known := c.read(now); warm && !known {
		c.applied(stamp, now, true)
	}
}

// read is the partition's time now, in ms since 1970, and whether it is more than
// this machine's guess.
func (c *clock) read(now time.Time) (stamp int64, warm bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(now) / int64(time.Millisecond), c.warm
}

// stamp is the partition's time for an entry that is made now by the leader.
func (c *clock) stamp(now time.Time) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.since = c.at(now), now
	return c.base / int64(time.Millisecond)
}

// at is the time now, in ns. The caller holds mu.
func (c *clock) at(now time.Time) int64 {
	wall := now.UnixNano()
	if c.wall != nil {
		wall = c.wall().UnixNano()
	}
	if !c.warm {
		return max(c.base, wall)
	}
	passed := max(now.Sub(c.since).Nanoseconds(), 0)
	stamp := c.base + passed
	pull := passed / pullDivisor
	return stamp + min(max(wall-stamp, -pull), pull)
}

// lead begins to continue the time: from here on it is warm.
func (c *clock) lead(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.since, c.warm = c.at(now), now, true
}
