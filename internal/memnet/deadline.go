package memnet

import (
	"sync"
	"time"
)

// deadline wakes those who wait on a condition when its time has come. The
// condition's mutex guards it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set replaces the deadline; the zero time is none.
func (d *deadline) set(at time.Time, cond *sync.Cond) {
	d.stop()
	d.at = at
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() {
			cond.L.Lock()
			defer cond.L.Unlock()
			cond.Broadcast()
		})
	}
	cond.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// passed reports whether its time has come.
func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }
