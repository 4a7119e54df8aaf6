package chat

import "testing"

// Who was told that all nodes know of his session can resume on any of them, and events for
// him reach it, though that node has not come to the session's presence yet.
func TestPlaceIsKnownBeforePresence(t *testing.T) {
	w := peopled(t)
	c := w.open(0, whole(ann))
	w.nodes[1].hub.SetSession("n0", c.s.ID(), nil)
	if got := w.dispatch(1, "X", `{}`, User(ann), Member(one, ann)); got.GetReached() != 1 {
		t.Errorf("reached %v", got)
	}
	if err := w.resume(c, 1); err != nil {
		t.Fatal(err)
	}
	wantReached(t, "after the move", []int{1}, c)
}

// A place has one user at a time, and what is said twice is said once.
func TestPlaces(t *testing.T) {
	p := newPlaces()
	p.set(place{"n1", "s"}, ann)
	p.set(place{"n2", "s"}, ann)
	p.set(place{"n1", "s"}, ann)
	p.set(place{"n1", "t"}, ann)
	if got := p.find(ann, "s"); len(got) != 2 || got[0] != "n1" || got[1] != "n2" {
		t.Error(got)
	}
	p.set(place{"n2", "s"}, 0)
	p.set(place{"n1", "s"}, ben)
	p.set(place{"n1", "t"}, 0)
	p.set(place{"n1", "u"}, 0)
	if got := p.find(ben, "s"); len(got) != 1 || len(p.find(ann, "s")) > 0 || len(p.of) != 1 || len(p.user) != 1 {
		t.Error(got, p)
	}
}
