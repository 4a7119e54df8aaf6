package stream

import (
	"slices"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/load"
)

// Each way to be wrong is seen, and nothing else; order matters only between events of
// one key.
func TestTally(t *testing.T) {
	type lists = [][]byte
	same := func(l lists) lists { return l }
	swap := func(i, j int) func(lists) lists {
		return func(l lists) lists { l[i], l[j] = l[j], l[i]; return l }
	}
	for _, tt := range []struct {
		name   string
		keys   uint64
		change func(lists) lists
		want   load.Wrong
	}{
		{"right", 1, same, load.Wrong{}},
		{"publishers may overtake each other", 1, swap(0, 1), load.Wrong{}},
		{"keys may overtake each other", 2, swap(0, 2), load.Wrong{}},
		{"a key out of order", 2, swap(0, 4), load.Wrong{OutOfOrder: 1}},
		{"order is no matter", 0, swap(0, 4), load.Wrong{}},
		{"lost", 1, func(l lists) lists { return slices.Delete(l, 2, 3) }, load.Wrong{Lost: 1}},
		{"lost at the end", 0, func(l lists) lists { return l[:5] }, load.Wrong{Lost: 1}},
		{"twice", 1, func(l lists) lists { return append(l, l[5]) }, load.Wrong{Duplicates: 1}},
		{"twice, much later", 0, func(l lists) lists { return append(l, l[0]) }, load.Wrong{Duplicates: 1}},
		{"changed", 0, func(l lists) lists { l[3][100] ^= 1; return l }, load.Wrong{Strange: 1, Lost: 1}},
		{"another publisher's", 0, func(l lists) lists { return append(l, newSource(2, 128).event()) }, load.Wrong{Strange: 1}},
		{"never published", 0, func(l lists) lists {
			s := newSource(0, 128)
			s.next = 3
			return append(l, s.event())
		}, load.Wrong{Strange: 1}},
		{"short", 0, func(l lists) lists { return append(l, []byte("short")) }, load.Wrong{Strange: 1}},
	} {
		all := newTally([]uint64{0, 0}, tt.keys)
		for _, data := range tt.change(two()) {
			all.see([][]byte{data})
		}
		if got := all.end([]uint64{3, 3}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// What was before the first number is nobody's to count.
func TestTallyPart(t *testing.T) {
	s := newSource(0, HeadBytes)
	all := newTally([]uint64{5}, 1)
	for i := range 9 {
		if data := s.event(); i >= 5 {
			all.see([][]byte{data})
		}
	}
	if got := all.end([]uint64{9}); got.Any() {
		t.Errorf("%+v", got)
	}
	if got := all.end([]uint64{10}); got.Lost != 1 {
		t.Errorf("%+v, want 1 lost", got)
	}
}
