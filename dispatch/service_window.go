package dispatch

import (
	"math"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// maxWindow bounds what a client can give credit for, in bytes.
const maxWindow = 1 << 40

// windowCost is what a message takes of a window beside its envelopes, and as
// much again for each gap, in bytes: a client that reads nothing must not get any
// number of them.
const windowCost = 64

// window is what a subscription may still send before its client gives credit.
// The last event sent may be larger than what was left: then it is below 0.
type window struct {
	bounded bool
	bytes   int64
}

// newWindow is the window that a client asked for.
func newWindow(open *eventnodev1.OpenSubscription) window {
	if open.Window == nil {
		return window{}
	}
	return window{bounded: true, bytes: int64(min(open.GetWindow(), maxWindow))}
}

// left is how many bytes may be sent; none if it is 0 or less.
func (w window) left() int64 {
	if !w.bounded {
		return math.MaxInt64
	}
	return w.bytes
}

// add gives credit, and reports whether sending may go on by that.
func (w *window) add(bytes uint64) bool {
	was := w.bytes
	w.bytes = min(w.bytes+int64(min(bytes, maxWindow)), maxWindow)
	return w.bounded && was <= 0 && w.bytes > 0
}

// credit lets a subscription go on. One that is not there has ended already.
func (ss *subscribeStream) credit(number, bytes uint64) {
	ss.mu.Lock()
	sub := ss.subs[number]
	goesOn := sub != nil && sub.window.add(bytes)
	ss.mu.Unlock()
	if goesOn {
		ss.wake(sub)
	}
}

// spend takes what is being sent out of the subscription's window.
func (ss *subscribeStream) spend(sub *streamSub, b *Batch) {
	if !sub.window.bounded {
		return
	}
	ss.mu.Lock()
	sub.window.bytes -= int64(b.Bytes + windowCost*(1+len(b.Gaps)))
	ss.mu.Unlock()
}
