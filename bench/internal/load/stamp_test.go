package load

import (
	"math/rand/v2"
	"testing"
	"time"
)

func see(numbers ...uint64) *Checker {
	c := &Checker{}
	for _, n := range numbers {
		data := make([]byte, StampBytes)
		putStamp(data, n, time.Now())
		c.see(data)
	}
	return c
}

// Each way to be wrong is seen, and nothing else.
func TestChecker(t *testing.T) {
	for _, tt := range []struct {
		name    string
		numbers []uint64
		want    Wrong
	}{
		{"right", []uint64{0, 1, 2}, Wrong{}},
		{"lost in the middle", []uint64{0, 2}, Wrong{Lost: 1}},
		{"lost at the end", []uint64{0, 1}, Wrong{Lost: 1}},
		{"lost at the start", []uint64{1, 2}, Wrong{Lost: 1}},
		{"twice", []uint64{0, 1, 1, 2}, Wrong{Duplicates: 1}},
		{"out of order", []uint64{0, 2, 1}, Wrong{OutOfOrder: 1}},
		{"out of order, and twice", []uint64{0, 2, 1, 1}, Wrong{OutOfOrder: 1, Duplicates: 1}},
		{"never sent", []uint64{0, 1, 2, 3}, Wrong{Strange: 1}},
		{"nothing", nil, Wrong{Lost: 3}},
	} {
		if got := see(tt.numbers...).End(3); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	c := see(0, 1, 2)
	c.see([]byte("short"))
	if got := c.End(3); got != (Wrong{Strange: 1}) {
		t.Errorf("short data: %+v", got)
	}
}

// However events are damaged, the counts are those of a naive count.
func TestCheckerAgainstNaive(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		const sent = 50
		var numbers []uint64
		for n := range uint64(sent) {
			for range []int{0, 1, 1, 1, 1, 2}[r.IntN(6)] {
				numbers = append(numbers, n)
			}
		}
		for range r.IntN(4) {
			if len(numbers) > 1 {
				i := r.IntN(len(numbers) - 1)
				numbers[i], numbers[i+1] = numbers[i+1], numbers[i]
			}
		}
		var want Wrong
		seen, highest := make(map[uint64]bool), int64(-1)
		for _, n := range numbers {
			switch {
			case seen[n]:
				want.Duplicates++
			case int64(n) < highest:
				want.OutOfOrder++
			default:
				highest = int64(n)
			}
			seen[n] = true
		}
		want.Lost = uint64(sent - len(seen))
		if got := see(numbers...).End(sent); got != want {
			t.Fatalf("%v: %+v, want %+v", numbers, got, want)
		}
	}
}

func TestStampAge(t *testing.T) {
	data := make([]byte, StampBytes)
	at := time.Now()
	putStamp(data, 7, at)
	if got := stampAge(data, at.Add(time.Millisecond)); got != time.Millisecond || stampNumber(data) != 7 {
		t.Errorf("%v, number %d", got, stampNumber(data))
	}
}
