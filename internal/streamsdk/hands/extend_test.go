package hands

import (
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// What is kept by hand and forgotten is not remembered for ever.
func TestForgottenEventsAreBounded(t *testing.T) {
	w := newWorld(t, Config{Count: 1, Manual: true}, "a")
	w.publish(0, 1)
	w.settleDown()
	b, _ := w.batch()
	st := w.h.byName["a"]
	for n := range uint64(mostHeld + 10) {
		st.held = st.held.add(span{10 + 2*n, 10 + 2*n})
	}
	w.h.Finish(b, Succeeded)
	if len(st.held) != mostHeld || !st.held.has(10+2*(mostHeld+9)) {
		t.Errorf("%d are remembered", len(st.held))
	}
}

// What waits and what is worked on is extended, as long as it takes; what the handler
// has extended for longer is not.
func TestExtend(t *testing.T) {
	w := newWorld(t, Config{Count: 2}, "a")
	w.publish(0, 4)
	w.settleDown()
	b, events := w.batch()
	w.settleDown()
	if every := w.h.ExtendEvery(); every <= 0 || every > w.wait/4 {
		t.Errorf("looks every %v", every)
	}
	_ = w.h.Settle(b, events[1], eventnode.Settlement{Verb: eventnode.VerbExtend, Delay: time.Hour}, w.now)
	w.settleDown()
	last := map[uint64]time.Time{1: w.now, 3: w.now, 4: w.now}
	for range 100 {
		w.now = w.now.Add(w.h.ExtendEvery())
		w.h.Extend(w.now)
		for req, step := w.h.Next(); step == Send; req, step = w.h.Next() {
			for _, r := range req.GetSettle().GetEvents()[0].GetNumbers() {
				for n := r.GetFrom(); n <= r.GetTo(); n++ {
					if n == 2 && w.now.Before(time.Unix(1000, 0).Add(time.Hour-w.wait)) {
						t.Errorf("extended by hand, and again at %v", w.now)
					}
					last[n] = w.now
				}
			}
			w.take(req)
		}
		for w.downOne() {
		}
		for n, at := range last {
			if n != 2 && w.now.Sub(at) > w.wait/2 {
				t.Fatalf("event %d was extended last %v ago", n, w.now.Sub(at))
			}
		}
	}
	w.h.Finish(b, Succeeded)
	b, _ = w.next("0-3", "0-4")
	w.h.Finish(b, Succeeded)
	w.settleDown()
	if w.h.ExtendEvery() != 0 || len(w.refused) > 0 {
		t.Errorf("there is something left to extend; refused %v", w.refused)
	}
	w.wantAcked(1, 1, 1, 1)
}
