package client

import (
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A subscription that goes to another node may meet events there that it had
// from the node before: the new node hears of them later. To its owner they
// would be duplicates, so the last events received are remembered, and those that
// come again after a reconnect are left out. Memory being bounded, it is not the
// whole past: of very many events a second some may still come twice.

const (
	// recentEvents is how many events are remembered: 64 KiB, and twice that for
	// recentTime after a reconnect. What two nodes may have sent, while a subscription
	// goes from one to the other, is remembered beside, all of it: overlapBytes.
	recentEvents = 4096
	// recentTime is how long after a reconnect events are compared: longer than
	// a link that makes no progress is kept.
	recentTime = time.Minute
)

// recent remembers the last events of a subscription. It belongs to whoever
// calls Receive.
type recent struct {
	ids []event.ID // the last ones; a ring once it is full
	at  int        // where the next one goes then
	// overlap is what came from a node that goes away while the next one may send it, too.
	overlap []event.ID
	// before is what came before the last reconnect; nil if that is long ago.
	before map[event.ID]struct{}
	until  time.Time
}

// repeats takes note of what comes next, in a frame, and reports whether it came before
// the last reconnect. It leaves out each event once: who dispatches one twice means
// two.
func (r *recent) repeats(d *eventnode.Delivery, f *frame) bool {
	switch {
	case d.Gap == nil:
	case d.Gap.Reason == eventnode.GapReconnected:
		r.reconnected(f.at)
		return false
	default:
		return false
	}
	if r.before != nil && r.cameBefore(d.Event.ID, f.at) {
		return true
	}
	if f.overlap {
		r.overlap = append(r.overlap, d.Event.ID)
	} else {
		r.note(d.Event.ID)
	}
	return false
}

func (r *recent) note(id event.ID) {
	if len(r.ids) < recentEvents {
		r.ids = append(r.ids, id)
		return
	}
	r.ids[r.at] = id
	r.at = (r.at + 1) % recentEvents
}

func (r *recent) reconnected(now time.Time) {
	r.before, r.until = make(map[event.ID]struct{}, len(r.ids)+len(r.overlap)), now.Add(recentTime)
	for _, ids := range [][]event.ID{r.ids, r.overlap} {
		for _, id := range ids {
			r.before[id] = struct{}{}
		}
	}
	for _, id := range r.overlap {
		r.note(id)
	}
	r.overlap = nil
}

func (r *recent) cameBefore(id event.ID, now time.Time) bool {
	if now.After(r.until) {
		r.before = nil
		return false
	}
	_, came := r.before[id]
	delete(r.before, id)
	return came
}
