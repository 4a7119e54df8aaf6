package streams

import (
	"testing"
	"time"
)

// What the own replica knew last counts until others were asked.
func TestTheLastLeader(t *testing.T) {
	var l lastLeader
	now := time.Unix(0, 0)
	want := func(want Leader) {
		t.Helper()
		if got, ok := l.look(now); got != want || ok != (want != Leader{}) {
			t.Errorf("%v %v, want %v", got, ok, want)
		}
	}
	one, two := Leader{Node: "n1", Address: "a1"}, Leader{Node: "n2", Address: "a2"}
	want(Leader{})
	l.note(one, now)
	want(one)
	l.note(two, now)
	want(two)
	for range 2 * lastFor / time.Millisecond { // who is told often enough knows
		now = now.Add(time.Millisecond)
		l.note(two, now)
	}
	now = now.Add(lastFor - lastFor/5)
	want(two)
	now = now.Add(lastFor)
	want(Leader{})
	l.note(one, now)
	l.note(Leader{}, now)
	want(Leader{})
}
