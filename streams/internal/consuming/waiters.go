package consuming

import (
	"slices"

	"github.com/eventnode/eventnode/streams/internal/state"
)

// Consumers that have credit and found nothing wait in a line for each stream and
// consumer group. What comes wakes the first one of the line of each group, which is in
// no line then. It looks, takes what it has credit for, and if that may not be all it
// passes on: so an event for a group with a thousand consumers costs one look, and not a
// thousand.
//
// Who waits steps into the line before it looks: what comes meanwhile wakes it.

// lines is who waits on a stream, by group, in the order in which they came.
type lines map[string][]*Waiter

// Waiter is a consumer that waits.
type Waiter struct {
	// C has a value when the waiter was woken. Capacity 1: being woken twice is the
	// same as once.
	C       chan struct{}
	group   string
	streams []uint64
	in      bool // it stands in lines; the desk's mu
}

// NewWaiter returns a waiter for a group on some streams, which stands in no line.
func NewWaiter(group string, streams []uint64) *Waiter {
	return &Waiter{C: make(chan struct{}, 1), group: group, streams: streams}
}

func (w *Waiter) signal() {
	select {
	case w.C <- struct{}{}:
	default:
	}
}

// Park has a waiter stand in the lines of its streams.
func (d *Desk) Park(w *Waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.in {
		return
	}
	w.in = true
	for _, id := range w.streams {
		if d.waiting[id] == nil {
			d.waiting[id] = lines{}
		}
		d.waiting[id][w.group] = append(d.waiting[id][w.group], w)
	}
}

// Leave takes a waiter out of its lines.
func (d *Desk) Leave(w *Waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leave(w)
}

// leave is Leave. The caller holds mu.
func (d *Desk) leave(w *Waiter) {
	if !w.in {
		return
	}
	w.in = false
	for _, id := range w.streams {
		l := d.waiting[id]
		if l[w.group] = slices.DeleteFunc(l[w.group], func(o *Waiter) bool { return o == w }); len(l[w.group]) == 0 {
			delete(l, w.group)
		}
		if len(l) == 0 {
			delete(d.waiting, id)
		}
	}
}

// PassOn wakes the next one in each line of a waiter, which may have left something.
func (d *Desk) PassOn(w *Waiter) {
	woken := make([]state.Woken, len(w.streams))
	for i, id := range w.streams {
		woken[i] = state.Woken{Stream: id, Group: w.group}
	}
	d.wake(woken)
}

// wake wakes the first one in each line that is meant.
func (d *Desk) wake(woken []state.Woken) {
	if len(woken) == 0 {
		return
	}
	var first []*Waiter
	d.mu.Lock()
	for _, at := range woken {
		if at.Group != "" {
			first = d.next(first, d.waiting[at.Stream][at.Group])
			continue
		}
		for _, l := range d.waiting[at.Stream] {
			first = d.next(first, l)
		}
	}
	d.mu.Unlock()
	for _, w := range first {
		w.signal()
	}
}

// next takes the first one out of a line. The caller holds mu.
func (d *Desk) next(to []*Waiter, line []*Waiter) []*Waiter {
	if len(line) == 0 {
		return to
	}
	first := line[0] // leave takes it out of the line
	d.leave(first)
	return append(to, first)
}

// wakeAll wakes all who wait on a stream, or for one of its groups; stream 0: whoever
// waits.
func (d *Desk) wakeAll(stream uint64, group string) {
	var all []*Waiter
	d.mu.Lock()
	for id, l := range d.waiting {
		for name, line := range l {
			if stream == 0 || id == stream && name == group {
				all = append(all, line...)
			}
		}
	}
	for _, w := range all {
		d.leave(w)
	}
	d.mu.Unlock()
	for _, w := range all {
		w.signal()
	}
}
