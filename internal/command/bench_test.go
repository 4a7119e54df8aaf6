package command

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A quantile of the histogram is that of the sorted list, to within 1 %.
func TestHistogramAgainstSorting(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var h, other histogram
	var list []int64
	for i := range 20_000 {
		v := int64(1) << random.IntN(62)
		v += random.Int64N(v)
		list = append(list, v)
		if i%2 == 0 {
			h.add(v)
		} else {
			other.add(v)
		}
	}
	h.merge(&other)
	slices.Sort(list)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := list[min(int(q*float64(len(list))), len(list)-1)]
		if got := h.quantile(q); got < want || float64(got) > float64(want)*1.01 {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	for _, v := range []uint64{0, 1, 255, 256, 257, 258, 1 << 20, 1<<20 + 1, 1<<63 - 1} {
		b := bucketOf(v)
		if b >= histogramBuckets || uint64(bucketTop(b)) < v || (b > 0 && uint64(bucketTop(b-1)) >= v) {
			t.Errorf("%d is in bucket %d, which ends at %d", v, b, bucketTop(b))
		}
	}
	var h histogram
	h.add(-5)
	if h.quantile(0.5) != 0 || h.total != 1 {
		t.Error("a negative duration is not 0")
	}
}

// The tally sees each way to be wrong.
func TestTally(t *testing.T) {
	stamps := func(numbers ...uint64) *tally {
		ta := newTally(2, 100)
		for _, n := range numbers {
			data := make([]byte, stampBytes)
			stamp{publisher: 1, number: n}.put(data)
			ta.add(data, time.Millisecond)
		}
		return ta
	}
	for _, tt := range []struct {
		numbers                                   []uint64
		distinct, duplicates, outOfOrder, strange int
	}{
		{[]uint64{0, 1, 2}, 3, 0, 0, 0},
		{[]uint64{0, 2, 5}, 3, 0, 0, 0}, // lost: told by what is missing in the end
		{[]uint64{0, 1, 1, 0}, 2, 2, 0, 0},
		{[]uint64{0, 2, 1, 3}, 4, 0, 1, 0},
		{[]uint64{0, 100}, 1, 0, 0, 1},
	} {
		got := stamps(tt.numbers...)
		if got.distinct != tt.distinct || got.duplicates != tt.duplicates || got.outOfOrder != tt.outOfOrder || got.strange != tt.strange {
			t.Errorf("%v: %d distinct, %d duplicates, %d out of order, %d strange", tt.numbers, got.distinct, got.duplicates, got.outOfOrder, got.strange)
		}
	}
	if ta := stamps(); func() bool { ta.add([]byte("short"), 0); return ta.strange != 1 }() {
		t.Error("short data is not strange")
	}
}

// stamped makes the deliveries of one publisher.
func stamped(numbers ...uint64) []eventnode.Delivery {
	var list []eventnode.Delivery
	for _, n := range numbers {
		data := make([]byte, 32)
		stamp{number: n}.put(data)
		list = append(list, eventnode.Delivery{Event: event.New("bench", data)})
	}
	return list
}

func TestBenchJudges(t *testing.T) {
	for _, tt := range []struct {
		name                         string
		deliveries                   []eventnode.Delivery
		code                         int
		lost, duplicates, outOfOrder int
	}{
		{"right", stamped(0, 1, 2), exitOK, 0, 0, 0},
		{"lost", stamped(0, 2), exitError, 1, 0, 0},
		{"twice", stamped(0, 1, 2, 2), exitError, 0, 1, 0},
		{"order", stamped(0, 2, 1), exitError, 0, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{deliveries: tt.deliveries}
			r := runFake(t, f, "", "bench", "dispatch", "--count", "3", "--settle", "500ms", "--size", "32", "--json")
			var got benchReport
			if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
				t.Fatalf("%v: %+v", err, r)
			}
			if r.code != tt.code || got.Lost != tt.lost || got.Duplicates != tt.duplicates || got.OutOfOrder != tt.outOfOrder || got.Dispatched != 3 {
				t.Errorf("code %d, %+v, %s", r.code, got, r.stderr)
			}
			if len(f.dispatched) != 3 || len(f.dispatched[0].Data) != 32 || !strings.HasPrefix(f.topics[0], "topic:bench-") {
				t.Errorf("dispatched %v to %v", f.dispatched, f.topics)
			}
		})
	}
}
