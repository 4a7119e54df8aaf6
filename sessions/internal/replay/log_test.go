package replay

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The log is what a list of everything is, cut to the newest entries that fit.
func TestModel(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { testModel(t, seed) })
	}
}

func testModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	limits := Limits{Count: 1 + rnd.IntN(20), Bytes: 1 + rnd.IntN(200)}
	l := New[int](limits)
	var all []int // the costs, which are the values
	for range 300 {
		cost := rnd.IntN(30)
		all = append(all, cost)
		if n := l.Append(cost, cost); n != uint64(len(all)) {
			t.Fatalf("number %d, want %d", n, len(all))
		}
		from, sum := len(all)-1, cost
		for from > 0 && len(all)-from < limits.Count && sum+all[from-1] <= limits.Bytes {
			from--
			sum += all[from]
		}
		if l.First() != uint64(from+1) || l.Last() != uint64(len(all)) || l.Len() != len(all)-from || l.Bytes() != sum {
			t.Fatalf("%+v: %d to %d, %d entries of %d bytes; want %d to %d of %d", limits, l.First(), l.Last(), l.Len(), l.Bytes(), from+1, len(all), sum)
		}
		seen := rnd.IntN(len(all) + 1)
		if got, want := l.Missing(uint64(seen)), max(0, from-seen); got != uint64(want) {
			t.Fatalf("%d are missing behind %d, want %d", got, seen, want)
		}
		n := rnd.IntN(len(all) + 3)
		v, ok := l.At(uint64(n))
		if there := n > from && n <= len(all); ok != there || there && v != all[n-1] {
			t.Fatalf("at %d: %d, %v", n, v, ok)
		}
	}
	if len(l.entries) > 2*l.Len()+2 {
		t.Errorf("a slice of %d for %d entries", len(l.entries), l.Len())
	}
}

// Nothing was appended: there is nothing, and nothing is missing.
func TestEmpty(t *testing.T) {
	l := New[int](Limits{Count: 3, Bytes: 3})
	if _, ok := l.At(0); ok || l.Last() != 0 || l.First() != 1 || l.Missing(0) != 0 || l.Missing(1<<64-1) != 0 {
		t.Errorf("%+v", l)
	}
}
