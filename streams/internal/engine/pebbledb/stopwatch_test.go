package pebbledb

import (
	"testing"
	"testing/synctest"
	"time"
)

// The read that began first counts, as long as it is under way; more than there is
// room for are let through.
func TestStopwatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStopwatch()
		if d := w.longest(); d != 0 {
			t.Errorf("nothing reads for %v", d)
		}
		first := w.start()
		time.Sleep(time.Second)
		second := w.start()
		time.Sleep(time.Second)
		if d := w.longest(); d < 2*time.Second-1 || d > 2*time.Second {
			t.Errorf("the first one reads for %v", d)
		}
		w.stop(first)
		if d := w.longest(); d != time.Second {
			t.Errorf("the second one reads for %v", d)
		}
		w.stop(second)
		var all []int
		for range 2 * watched {
			all = append(all, w.start())
		}
		for _, at := range all {
			w.stop(at)
		}
		if d := w.longest(); d != 0 || all[watched-1] < 0 || all[watched] >= 0 {
			t.Errorf("%v, %v", d, all)
		}
	})
}
