package fleet

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eventnode/eventnode"
)

// world is a random demand.
func randomDemand(r *rand.Rand) demand {
	d := demand{pins: map[int]eventnode.NodeID{}}
	for i := range r.IntN(7) {
		d.runners = append(d.runners, eventnode.NodeID(fmt.Sprint("n", i+r.IntN(3)*10)))
	}
	slices.Sort(d.runners)
	d.runners = slices.Compact(d.runners)
	for i := range r.IntN(40) {
		if r.IntN(4) > 0 {
			d.shards = append(d.shards, i)
		}
		if r.IntN(5) == 0 {
			d.pins[i] = eventnode.NodeID(fmt.Sprint("n", r.IntN(8)))
		}
	}
	return d
}

// dumbPlace looks for the best pair again and again, and finds out how full runners may be
// by handing out one place after the other.
func dumbPlace(d demand) map[int]eventnode.NodeID {
	if len(d.runners) == 0 {
		return nil
	}
	out, load := map[int]eventnode.NodeID{}, map[eventnode.NodeID]int{}
	for _, s := range d.shards {
		if pin := d.pins[s]; slices.Contains(d.runners, pin) {
			out[s] = pin
			load[pin]++
		}
	}
	most, places := maps.Clone(load), len(d.shards)-len(out)
	for range places { // to whoever has least
		least := slices.MinFunc(d.runners, func(a, b eventnode.NodeID) int { return most[a] - most[b] })
		most[least]++
	}
	lowest := len(d.shards) // of those with a place to give: all that are not full by pins
	for _, n := range d.runners {
		lowest = min(lowest, most[n])
	}
	ones := 0 // how many have one more than the lowest, and not by pins alone
	for _, n := range d.runners {
		if most[n] == lowest+1 && load[n] <= lowest {
			ones++
		}
	}
	for range places {
		var best uint64
		shard, runner := -1, eventnode.NodeID("")
		for _, s := range d.shards {
			for _, n := range d.runners {
				room := load[n] < lowest || load[n] == lowest && ones > 0
				if _, done := out[s]; !done && room && score(n, s) >= best {
					best, shard, runner = score(n, s), s, n
				}
			}
		}
		if load[runner] == lowest {
			ones--
		}
		out[shard] = runner
		load[runner]++
	}
	return out
}

// Placement is what a dumb version of it says, for random views.
func TestPlaceModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		d := randomDemand(r)
		if got, want := place(d), dumbPlace(d); !maps.Equal(got, want) {
			t.Fatalf("%+v:\n got %v\nwant %v", d, got, want)
		}
	}
}

// Each shard has one runner, a pinned one its own if that is there; the load of runners
// differs by one at most, but for those that have more by pins alone; and the order of the
// arguments does not matter.
func TestPlaceProperties(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		d := randomDemand(r)
		got := place(d)
		if len(d.runners) == 0 {
			if len(got) != 0 {
				t.Fatalf("%v on nobody", got)
			}
			continue
		}
		load, pinned := map[eventnode.NodeID]int{}, map[eventnode.NodeID]int{}
		for _, s := range d.shards {
			if !slices.Contains(d.runners, got[s]) {
				t.Fatalf("shard %d is on %q", s, got[s])
			}
			load[got[s]]++
			if pin := d.pins[s]; slices.Contains(d.runners, pin) {
				pinned[pin]++
				if got[s] != pin {
					t.Fatalf("shard %d is on %s, not on %s", s, got[s], pin)
				}
			}
		}
		low := slices.Min(slices.Collect(func(yield func(int) bool) {
			for _, n := range d.runners {
				if !yield(load[n]) {
					return
				}
			}
		}))
		for _, n := range d.runners {
			if load[n] > low+1 && load[n] > pinned[n] {
				t.Fatalf("%s has %d, and another one %d: %+v", n, load[n], low, d)
			}
		}
		if len(got) != len(d.shards) {
			t.Fatalf("%d of %d shards", len(got), len(d.shards))
		}
		r.Shuffle(len(d.runners), func(i, j int) { d.runners[i], d.runners[j] = d.runners[j], d.runners[i] })
		r.Shuffle(len(d.shards), func(i, j int) { d.shards[i], d.shards[j] = d.shards[j], d.shards[i] })
		if again := place(d); !maps.Equal(got, again) {
			t.Fatalf("in another order %v, not %v", again, got)
		}
	}
}

// When a runner comes or goes few shards move but those that have to: on the average less
// than as many again.
func TestPlaceMoves(t *testing.T) {
	moves := func(a, b map[int]eventnode.NodeID) (n int) {
		for s := range a {
			if a[s] != b[s] {
				n++
			}
		}
		return n
	}
	for _, c := range []struct{ shards, runners int }{{16, 3}, {64, 3}, {100, 5}, {1000, 10}} {
		needed, moved, worst := 0, 0, 0.0
		for round := range 20 {
			d := demand{shards: All(c.shards).Indices()}
			for i := range c.runners {
				d.runners = append(d.runners, eventnode.NodeID(fmt.Sprint("n", round*100+i)))
			}
			all := place(d)
			for gone := range d.runners {
				less := demand{runners: slices.Delete(slices.Clone(d.runners), gone, gone+1), shards: d.shards}
				must := 0
				for _, n := range all {
					if n == d.runners[gone] {
						must++
					}
				}
				is := moves(all, place(less))
				needed, moved = needed+must, moved+is
				worst = max(worst, float64(is)/float64(must))
			}
		}
		t.Logf("%d shards, %d runners: %d had to move, %d did; worst %.2f times", c.shards, c.runners, needed, moved, worst)
		if moved > 2*needed {
			t.Errorf("%d shards, %d runners: %d had to move, %d did", c.shards, c.runners, needed, moved)
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	d := demand{shards: All(1000).Indices()}
	for i := range 10 {
		d.runners = append(d.runners, eventnode.NodeID(fmt.Sprint("n", i)))
	}
	for b.Loop() {
		place(d)
	}
}
