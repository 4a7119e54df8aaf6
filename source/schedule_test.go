package source

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// plainSchedule is a schedule as dumb as can be: what was added, in order, and which keys
// are busy.
type plainSchedule struct {
	items []keyed[int]
	busy  map[string]bool
}

// may are the things that may come next: of each key that is not busy the first one, and
// all without a key.
func (s *plainSchedule) may() (places []int) {
	held := map[string]bool{}
	for i, k := range s.items {
		if k.key == "" || !s.busy[k.key] && !held[k.key] {
			places = append(places, i)
		}
		held[k.key] = true
	}
	return places
}

// take takes a thing, if it may come next.
func (s *plainSchedule) take(k keyed[int]) bool {
	for _, i := range s.may() {
		if s.items[i] == k {
			s.items = append(s.items[:i:i], s.items[i+1:]...)
			s.busy[k.key] = k.key != ""
			return true
		}
	}
	return false
}

// In random schedules, what comes next is always something that may, and something always
// comes if anything may: of one key one after the other in its order, other keys beside it.
// Nothing is kept of a key that is not busy.
func TestScheduleIsThatOfTheModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		clever, dumb := schedule[int]{}, plainSchedule{busy: map[string]bool{}}
		var running []string
		keys, added := 1+rnd.IntN(6), 0
		finish := func() {
			i := rnd.IntN(len(running))
			key := running[i]
			running = append(running[:i], running[i+1:]...)
			clever.done(key)
			dumb.busy[key] = false
		}
		take := func() {
			may := len(dumb.may())
			k, ok := clever.next()
			if ok != (may > 0) || ok && !dumb.take(k) {
				t.Fatalf("next is %v, %v; %d may come next, %v are busy", k, ok, may, running)
			}
			if ok {
				running = append(running, k.key)
			}
		}
		for range 200 {
			switch what := rnd.IntN(5); {
			case what < 2:
				key := ""
				if n := rnd.IntN(keys + 1); n > 0 {
					key = strconv.Itoa(n)
				}
				added++
				clever.add(key, added)
				dumb.items = append(dumb.items, keyed[int]{key, added})
			case what < 4:
				take()
			case len(running) > 0:
				finish()
			}
			if clever.size != len(dumb.items) {
				t.Fatalf("%d wait, want %d", clever.size, len(dumb.items))
			}
		}
		for clever.size > 0 || len(running) > 0 {
			take()
			for len(running) > 0 {
				finish()
			}
		}
		if len(clever.busy) != 0 || len(dumb.items) != 0 {
			t.Fatalf("%d keys are kept, %d things are left", len(clever.busy), len(dumb.items))
		}
	}
}

// A key that is never idle does not make its queue grow: what was taken is not held.
func TestScheduleOfABusyKeyDoesNotGrow(t *testing.T) {
	var s schedule[int]
	s.add("k", 0)
	for n := range 100_000 {
		s.add("k", n+1)
		if k, ok := s.next(); !ok || k.v != n {
			t.Fatalf("got %v, want %d", k, n)
		}
		s.done("k")
	}
	if behind := cap(s.busy["k"].items) + cap(s.ready.items); behind > 16 {
		t.Errorf("%d places for one thing", behind)
	}
}
