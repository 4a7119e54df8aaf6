package backoff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	const almostOne = 1 - 1e-12
	tests := []struct {
		b       Backoff
		attempt int
		rnd     float64
		want    time.Duration
	}{
		{Backoff{}, 0, 0, 100 * time.Millisecond},
		{Backoff{}, 0, 0.5, 150 * time.Millisecond},
		{Backoff{}, 1, 0.5, 250 * time.Millisecond},
		{Backoff{}, 2, 0, 100 * time.Millisecond},
		{Backoff{}, 100, 0.5, 5050 * time.Millisecond},
		{Backoff{}, math.MaxInt, 0.5, 5050 * time.Millisecond},
		{Backoff{}, -1, 0.5, 150 * time.Millisecond},
		{Backoff{Min: time.Second, Max: 9 * time.Second, Factor: 3}, 0, 0.5, 2 * time.Second},
		{Backoff{Min: time.Second, Max: 9 * time.Second, Factor: 3}, 1, 0.5, 5 * time.Second},
		{Backoff{Min: time.Second, Max: 9 * time.Second, Factor: 3}, 2, 0.5, 5 * time.Second},
		{Backoff{Min: time.Minute}, 3, 0.5, time.Minute},
		{Backoff{Min: -1, Max: -1, Factor: 0.5}, 0, 0.5, 150 * time.Millisecond},
		{Backoff{Factor: math.NaN()}, 0, 0.5, 150 * time.Millisecond},
		{Backoff{Min: time.Second, Max: time.Second}, 7, almostOne, time.Second},
	}
	for _, tt := range tests {
		if got := tt.b.Next(tt.attempt, tt.rnd); got != tt.want {
			t.Errorf("%+v, attempt %d, %v: %v, want %v", tt.b, tt.attempt, tt.rnd, got, tt.want)
		}
	}
}

// The wait stays between Min and Max whatever comes in.
func TestNextBounds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 10_000 {
		b := Backoff{
			Min:    time.Duration(1 + r.Int64N(int64(time.Hour))),
			Max:    time.Duration(1 + r.Int64()),
			Factor: 1 + r.Float64()*10,
		}
		if got := b.Next(r.IntN(200), r.Float64()); got < b.Min || got > max(b.Min, b.Max) {
			t.Fatalf("%+v: %v", b, got)
		}
	}
}

func ExampleBackoff() {
	b := Backoff{Min: 100 * time.Millisecond, Max: time.Second}
	for failures := range 5 {
		fmt.Println(b.Next(failures, 0.5)) // 0.5 stands for rand.Float64()
	}
	// Output:
	// 150ms
	// 250ms
	// 450ms
	// 550ms
	// 550ms
}
