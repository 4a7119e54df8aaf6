package source

import (
	"math/rand/v2"
	"testing"
)

// numberedEvents are the events of n payloads, as a pipeline places them; some payloads
// become none.
func numberedEvents(rnd *rand.Rand, n int) (all []Event) {
	last := Origin{}
	for seq := range n {
		o := Origin{Source: "s", Shards: 1, Session: "a", Seq: uint64(seq) + 1}
		events := place(make([]Event, rnd.IntN(4)), o, last)
		if all = append(all, events...); len(events) > 0 {
			last = o
		}
	}
	return all
}

// N15x: of any part of what was dispatched, in order, with some of it again, the tracker
// says exactly which events are repeated, before which some are missing, and that nothing
// else is either; also where payloads became no events. The dumb model knows their places
// in the list.
func TestTrackerIsThatOfTheModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	told := map[Seen]int{}
	for range 500 {
		all := numberedEvents(rnd, 40)
		var tracker Tracker
		newest := -1
		for i := 0; i < len(all); i++ {
			switch rnd.IntN(8) {
			case 0:
				continue // lost
			case 1:
				i = max(0, i-rnd.IntN(5)) // said again
			}
			want := Next
			switch {
			case newest < 0:
				want = First
			case i <= newest:
				want = Repeat
			case i > newest+1:
				want = Gap
			}
			if got := tracker.See(all[i]); got != want {
				t.Fatalf("event %d of %d behind %d is %v, want %v: %+v", i, len(all), newest, got, want, all[i])
			}
			told[want]++
			newest = max(newest, i)
		}
	}
	if len(told) != 4 {
		t.Errorf("not all was met: %v", told)
	}
}

// Shards and sources are told apart; a session begins anew; what is not numbered, or was
// moved without knowledge, is not guessed at.
func TestTrackerSessions(t *testing.T) {
	var tracker Tracker
	at := func(source string, shard int, session string, seq, after uint64) Event {
		return Event{Origin: Origin{Source: source, Shard: shard, Shards: 2, Session: session, Seq: seq}, Place: Place{Parts: 1, After: after}}
	}
	for i, step := range []struct {
		e    Event
		want Seen
	}{
		{at("s", 0, "", 0, 0), Unnumbered},
		{at("s", 0, "a", 7, 6), First},
		{at("s", 1, "a", 3, 2), First},
		{at("t", 0, "a", 3, 2), First},
		{at("s", 0, "a", 8, 7), Next},
		{at("s", 0, "a", 9, 0), Next},     // the next number: nothing fits between
		{at("s", 0, "a", 12, 0), Unknown}, // another node goes on, and was not told
		{at("s", 0, "a", 14, 10), Next},   // what stands before it is older than what was seen
		{at("s", 0, "a", 14, 13), Repeat},
		{at("s", 1, "a", 4, 3), Next},
		{at("s", 0, "b", 1, 0), First},
		{at("s", 0, "b", 5, 3), Gap},
	} {
		if got := tracker.See(step.e); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// A tracker does not grow with what it is shown.
func TestTrackerIsBounded(t *testing.T) {
	var tracker Tracker
	for n := range 3 * MaxTracked {
		tracker.See(Event{Origin: Origin{Source: "s", Shard: n, Shards: n + 1, Session: "a", Seq: 1}})
	}
	if len(tracker.newest) > MaxTracked {
		t.Errorf("%d shards are known", len(tracker.newest))
	}
}
