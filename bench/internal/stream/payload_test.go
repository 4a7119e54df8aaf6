package stream

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode/bench/internal/load"
)

// two are the first three events of each of two publishers, in turn.
func two() [][]byte {
	a, b := newSource(0, 128), newSource(1, 128)
	var list [][]byte
	for range 3 {
		list = append(list, slices.Clone(a.event()), slices.Clone(b.event()))
	}
	return list
}

// Each way to be wrong is seen, and nothing else.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(list [][]byte) [][]byte
		want   load.Wrong
	}{
		{"right", func(l [][]byte) [][]byte { return l }, load.Wrong{}},
		{"publishers may overtake each other", func(l [][]byte) [][]byte { l[0], l[1] = l[1], l[0]; return l }, load.Wrong{}},
		{"lost", func(l [][]byte) [][]byte { return slices.Delete(l, 2, 3) }, load.Wrong{Lost: 1}},
		{"lost at the end", func(l [][]byte) [][]byte { return l[:5] }, load.Wrong{Lost: 1}},
		{"twice", func(l [][]byte) [][]byte { return append(l, l[5]) }, load.Wrong{Duplicates: 1}},
		{"out of order", func(l [][]byte) [][]byte { l[0], l[2] = l[2], l[0]; return l }, load.Wrong{OutOfOrder: 1}},
		{"changed", func(l [][]byte) [][]byte { l[3][100] ^= 1; return l }, load.Wrong{Strange: 1, Lost: 1}},
		{"another publisher's", func(l [][]byte) [][]byte { return append(l, newSource(2, 128).event()) }, load.Wrong{Strange: 1}},
		{"never published", func(l [][]byte) [][]byte {
			s := newSource(0, 128)
			s.next = 3
			return append(l, s.event())
		}, load.Wrong{Strange: 1}},
		{"short", func(l [][]byte) [][]byte { return append(l, []byte("short")) }, load.Wrong{Strange: 1}},
	} {
		j := newJudge([]uint64{0, 0})
		for _, data := range tt.change(two()) {
			j.see(data)
		}
		if got := j.end([]uint64{3, 3}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// A part of a stream is judged from its first event on.
func TestJudgePart(t *testing.T) {
	s := newSource(0, HeadBytes)
	j := newJudge([]uint64{5})
	for i := range 9 {
		if data := s.event(); i >= 5 {
			j.see(data)
		}
	}
	if got := j.end([]uint64{9}); got.Any() {
		t.Errorf("%+v", got)
	}
}

// What a fault of one bit changes is never taken for right.
func TestJudgeFindsFlippedBits(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		data := newSource(0, 64).event()
		data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		j := newJudge([]uint64{0})
		j.see(data)
		if got := j.end([]uint64{1}); got.Strange != 1 {
			t.Fatalf("%+v", got)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(newSource(0, 32).event())
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j := newJudge([]uint64{0})
		j.see(data)
		if w := j.end([]uint64{0}); !w.Any() {
			t.Error("an event that nobody published is right")
		}
	})
}
