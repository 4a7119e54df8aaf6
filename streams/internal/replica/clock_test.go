package replica

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	start := time.UnixMilli(1_000_000_000)
	t.Run("goes on with monotonic time", func(t *testing.T) {
		var c clock
		c.applied(1_000_000_000, start, true)
		if got, warm := c.read(start.Add(10 * time.Second)); got != 1_000_010_000 || !warm {
			t.Errorf("%d, %v", got, warm)
		}
	})
	t.Run("the wall clock pulls by one percent", func(t *testing.T) {
		for _, off := range []time.Duration{time.Hour, -time.Hour} {
			var c clock
			c.applied(start.Add(off).UnixMilli(), start, true) // this machine's wall clock is off
			at := start.Add(100 * time.Second)
			got, _ := c.read(at)
			want := start.Add(off).UnixMilli() + 100_000
			if off > 0 {
				want -= 1000
			} else {
				want += 1000
			}
			if got != want {
				t.Errorf("%v off: %d, want %d", off, got, want)
			}
		}
	})
	t.Run("a cold start takes the wall clock, forward only", func(t *testing.T) {
		var c clock
		c.applied(2_000_000_000, start, false) // from the log
		if got, warm := c.read(start); got != 2_000_000_000 || warm {
			t.Errorf("%d, %v", got, warm)
		}
		if got, _ := c.read(time.UnixMilli(3_000_000_000)); got != 3_000_000_000 {
			t.Errorf("%d", got)
		}
		c.lead(time.UnixMilli(3_000_000_000))
		if got, warm := c.read(time.UnixMilli(3_000_000_500)); got != 3_000_000_500 || !warm {
			t.Errorf("%d, %v", got, warm)
		}
	})
	t.Run("a peer that went on is believed", func(t *testing.T) {
		var c clock
		c.applied(500_000_000, start, false)
		c.observe(9_000_000_000, false, start)
		c.observe(600_000_000, true, start)
		if got, warm := c.read(start.Add(time.Second)); got != 600_001_010 || !warm {
			t.Errorf("%d, %v", got, warm)
		}
	})
	t.Run("runs as fast under load", func(t *testing.T) {
		var c clock
		at := start
		c.lead(at)
		for range 10_000 { // each entry is applied 3.3 ms after it was made, when the next one is made
			stamp := c.stamp(at)
			at = at.Add(3300 * time.Microsecond)
			c.applied(stamp, at, true)
		}
		if got, _ := c.read(at); got != start.UnixMilli()+33_000 {
			t.Errorf("%d ms in 33 s", got-start.UnixMilli())
		}
	})
	t.Run("the wall clock pulls under load, too", func(t *testing.T) {
		at := start
		c := clock{wall: func() time.Time { return at.Add(time.Hour) }}
		c.applied(start.UnixMilli(), start, true)
		for range 10_000 {
			c.applied(c.stamp(at), at, true)
			at = at.Add(10 * time.Millisecond)
		}
		if got, _ := c.read(at); got != start.UnixMilli()+101_000 {
			t.Errorf("%d ms in 100 s", got-start.UnixMilli())
		}
	})
	t.Run("an election takes no time away", func(t *testing.T) {
		var c clock
		c.applied(start.UnixMilli(), start, true)
		at := start.Add(400 * time.Millisecond)
		c.applied(start.UnixMilli()+5, at, true) // of the leader that died, applied by the next one
		c.lead(at)
		if got, _ := c.read(at); got != start.UnixMilli()+396 {
			t.Errorf("%d ms in 400", got-start.UnixMilli())
		}
	})
	t.Run("who follows keeps to a slower leader", func(t *testing.T) {
		var c clock
		for i := range 1000 {
			c.applied(start.UnixMilli()+int64(i)*99, start.Add(time.Duration(i)*100*time.Millisecond), true)
		}
		if got, _ := c.read(start.Add(999 * 100 * time.Millisecond)); got != start.UnixMilli()+999*99 {
			t.Errorf("%d ms, want %d", got-start.UnixMilli(), 999*99)
		}
	})
	t.Run("a leader does not jump to a peer's time", func(t *testing.T) {
		var c clock
		c.lead(start)
		c.observe(start.UnixMilli()+700, true, start)
		if got, _ := c.read(start); got != start.UnixMilli() {
			t.Errorf("%d ms ahead", got-start.UnixMilli())
		}
	})
	t.Run("never goes back", func(t *testing.T) {
		var c clock
		c.applied(1_000_000_000, start, true)
		c.applied(900_000_000, start.Add(time.Hour), true)
		if got, _ := c.read(start); got != 1_000_000_000 {
			t.Errorf("%d", got)
		}
	})
}
