package hands

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A set does what a map does.
func TestNumbersAgainstAMap(t *testing.T) {
	for range 50 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 0))
		var set numbers
		dumb := map[uint64]bool{}
		for step := range 300 {
			from := 1 + rng.Uint64N(60)
			r := span{from, from + rng.Uint64N(8)}
			if rng.IntN(2) == 0 {
				set = set.add(r)
				for n := r.from; n <= r.to; n++ {
					dumb[n] = true
				}
			} else {
				both := numbers{r, {r.to + 3, r.to + 9}}
				var removed numbers
				set, removed = set.removeAll(both)
				for n := r.from; n <= r.to+9; n++ {
					if removed.has(n) != (dumb[n] && both.has(n)) {
						t.Fatalf("seed %d, step %d: removed %v of %v", seed, step, removed, both)
					}
					if both.has(n) {
						delete(dumb, n)
					}
				}
			}
			for n := range uint64(80) {
				if set.has(n) != dumb[n] {
					t.Fatalf("seed %d, step %d: %d in %v: %v", seed, step, n, set, !dumb[n])
				}
			}
			if set.count() != len(dumb) {
				t.Fatalf("seed %d, step %d: %v has %d, want %d", seed, step, set, set.count(), len(dumb))
			}
			if !slices.IsSortedFunc(set, func(a, b span) int { return int(int64(a.to+1) - int64(b.from)) }) || slices.ContainsFunc(set, func(s span) bool { return s.from > s.to }) {
				t.Fatalf("seed %d, step %d: %v is not sorted, or touches itself", seed, step, set)
			}
		}
	}
}

func TestNumbersOfNumbers(t *testing.T) {
	var set numbers
	set = set.addAll(numbers{{1, 3}, {7, 9}, {4, 6}})
	if !slices.Equal(set, numbers{{1, 9}}) {
		t.Errorf("%v", set)
	}
	rest, removed := set.removeAll(numbers{{2, 3}, {9, 20}})
	if !slices.Equal(rest, numbers{{1, 1}, {4, 8}}) || !slices.Equal(removed, numbers{{2, 3}, {9, 9}}) {
		t.Errorf("%v, %v", rest, removed)
	}
	if m := rest.toProto(); len(m) != 2 || m[1].GetFrom() != 4 || m[1].GetTo() != 8 {
		t.Errorf("%v", m)
	}
}
