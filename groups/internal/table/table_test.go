package table

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventnode/eventnode"
)

func node(i int) eventnode.NodeRef {
	return eventnode.NodeRef{ID: eventnode.NodeID(fmt.Sprint("n", i)), Epoch: 1}
}

func one(group string, ref uint64) []Delta {
	return []Delta{{Group: group, Joined: []Member{{Ref: ref, Times: 1}}}}
}

func TestApply_NetDifference(t *testing.T) {
	for _, tc := range []struct {
		name  string
		delta Delta
		want  []Diff
	}{
		{"join", Delta{Group: "g", Joined: []Member{{Ref: 2, Times: 1, Meta: "m"}}}, []Diff{{Group: "g", Joined: []Member{{2, 1, "m"}}, Members: 3}}},
		{"leave more than there is", Delta{Group: "g", Left: []Member{{Ref: 1, Times: 9}}}, []Diff{{Group: "g", Left: []Member{{1, 2, ""}}}}},
		{"leave what is not there", Delta{Group: "g", Left: []Member{{Ref: 5, Times: 1}}}, nil},
		{"leave a group that is not there", Delta{Group: "h", Left: []Member{{Ref: 1, Times: 1}}}, nil},
		{"leave and join is nothing", Delta{Group: "g", Left: []Member{{Ref: 1, Times: 1}}, Joined: []Member{{Ref: 1, Times: 1}}}, nil},
		{"update", Delta{Group: "g", Updated: []Member{{Ref: 1, Meta: "x"}}}, []Diff{{Group: "g", Updated: []Member{{1, 2, "x"}}, Members: 2}}},
		{"update of nobody", Delta{Group: "g", Updated: []Member{{Ref: 5, Meta: "x"}}}, nil},
		{"a join with metadata is an update too", Delta{Group: "g", Joined: []Member{{Ref: 1, Times: 1, Meta: "x"}}},
			[]Diff{{Group: "g", Joined: []Member{{1, 1, "x"}}, Updated: []Member{{1, 3, "x"}}, Members: 3}}},
		{"too many", Delta{Group: "g", Joined: []Member{{Ref: 1, Times: 1 << 31}}}, []Diff{{Group: "g", Joined: []Member{{1, MaxTimes - 2, ""}}, Members: MaxTimes}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tab := New()
			tab.Apply(node(1), 1, []Delta{{Group: "g", Joined: []Member{{Ref: 1, Times: 2}}}})
			if d := cmp.Diff(tc.want, tab.Apply(node(1), 2, []Delta{tc.delta})); d != "" {
				t.Fatal(d)
			}
		})
	}
}

// Replace and Purge against a dumb model: two random copies, and what leads
// from one to the other.
func TestReplace_AgainstAModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	random := func() []Delta {
		var ds []Delta
		for range rng.IntN(8) {
			d := Delta{Group: fmt.Sprint("g", rng.IntN(4))}
			for range 1 + rng.IntN(4) {
				d.Joined = append(d.Joined, Member{Ref: rng.Uint64N(30), Times: 1 + uint32(rng.IntN(2))})
			}
			ds = append(ds, d)
		}
		return ds
	}
	type key struct {
		group string
		ref   uint64
	}
	for range 1000 {
		tab, model := New(), map[key]int{}
		for version := range uint64(3) {
			whole, want := random(), map[key]int{}
			for _, d := range whole {
				for _, m := range d.Joined {
					want[key{d.Group, m.Ref}] += int(m.Times)
				}
			}
			for _, d := range tab.Replace(node(1), version+1, slices.Values([][]Delta{whole}), true) {
				for _, m := range d.Joined {
					model[key{d.Group, m.Ref}] += int(m.Times)
				}
				for _, m := range d.Left {
					if model[key{d.Group, m.Ref}] -= int(m.Times); model[key{d.Group, m.Ref}] == 0 {
						delete(model, key{d.Group, m.Ref})
					}
				}
			}
			if d := cmp.Diff(want, model); d != "" {
				t.Fatalf("seed %d: %s", seed, d)
			}
		}
		for _, d := range tab.Purge("n1", true) {
			for _, m := range d.Left {
				delete(model, key{d.Group, m.Ref})
			}
		}
		if len(model) > 0 || tab.Groups() > 0 || tab.Memberships() > 0 {
			t.Fatalf("seed %d: %v remain, %d groups", seed, model, tab.Groups())
		}
	}
}

// A difference stays as it is until Forget, however many follow; then its memory
// is used again.
func TestForget(t *testing.T) {
	tab := New()
	var all [][]Diff
	for i := range uint64(3000) {
		all = append(all, tab.Apply(node(1), i+1, one("g", i)))
	}
	for i, diffs := range all {
		want := []Diff{{Group: "g", Joined: []Member{{Ref: uint64(i), Times: 1}}, Members: i + 1}}
		if d := cmp.Diff(want, diffs); d != "" {
			t.Fatal(d)
		}
	}
	tab.Forget()
	join, leave := one("h", 1), []Delta{{Group: "h", Left: []Member{{Ref: 1, Times: 1}}}}
	n1 := node(1) // Not in both: fmt's pool is emptied at random under the race detector.
	both := func() {
		tab.Apply(n1, 1, join)
		tab.Apply(n1, 2, leave)
		tab.Forget()
	}
	both()
	if n := testing.AllocsPerRun(100, both); n > 2 { // The group's cell and its name.
		t.Fatalf("%v allocations for a join and a leave", n)
	}
}

// Readers see a group as it was at some moment, while it changes.
func TestView_WhileItChanges(t *testing.T) {
	tab := New()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if n := tab.View("g").Total; n%2 != 0 {
					t.Errorf("half a change was seen: %d members", n)
					return
				}
				tab.Sizes(nil, func(string, int) bool { return true })
			}
		})
	}
	for i := range uint64(400) {
		both := []Member{{Ref: 2 * i, Times: 1}, {Ref: 2*i + 1, Times: 1}}
		tab.Apply(node(int(i%3)), i, []Delta{{Group: "g", Joined: both}, {Group: fmt.Sprint(i), Joined: both[:1]}})
		if i%5 == 0 {
			tab.Apply(node(int(i%3)), i, []Delta{{Group: "g", Left: both}})
		}
		_ = tab.Copy(node(int(i % 3)).ID)
	}
	close(stop)
	wg.Wait()
}

// The aims: 60 bytes a membership in one group, 200 in groups of one member.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("measures 2 x 300,000 memberships")
	}
	const n = 300_000
	for _, tc := range []struct {
		name  string
		most  float64
		group func(i int) string
	}{
		{"one group", 60, func(int) string { return "g" }},
		{"a group each", 200, func(i int) string { return fmt.Sprintf("session:%08d", i) }},
	} {
		tab := New()
		before := heap()
		for i := range n {
			tab.Apply(node(1), uint64(i), one(tc.group(i), uint64(i)))
			tab.Forget()
		}
		if tc.name != "one group" { // whose view is kept as long as the group does not change
			for i := range n {
				tab.View(tc.group(i))
			}
		}
		each := float64(heap()-before) / n
		t.Logf("%s: %.0f bytes a membership", tc.name, each)
		if each > tc.most {
			t.Errorf("%s: %.0f bytes a membership, at most %.0f", tc.name, each, tc.most)
		}
		runtime.KeepAlive(tab)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkApply_JoinAndLeave(b *testing.B) {
	for _, size := range []int{1, 1000, 1_000_000} {
		b.Run(fmt.Sprint("group of ", size), func(b *testing.B) {
			tab := New()
			whole := Delta{Group: "g"}
			for i := range size {
				whole.Joined = append(whole.Joined, Member{Ref: uint64(i), Times: 1})
			}
			tab.Apply(node(1), 1, []Delta{whole})
			join := one("g", 1<<40)
			leave := []Delta{{Group: "g", Left: join[0].Joined}}
			b.ReportAllocs()
			for b.Loop() {
				tab.Apply(node(1), 2, join)
				tab.Apply(node(1), 3, leave)
				tab.Forget()
			}
		})
	}
}

func BenchmarkView(b *testing.B) {
	tab := New()
	for i := range 10_000 {
		tab.Apply(node(i%5), uint64(i), one(fmt.Sprint("g", i%1000), uint64(i)))
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if tab.View("g7").Total != 10 {
				b.Fatal("wrong")
			}
		}
	})
}
