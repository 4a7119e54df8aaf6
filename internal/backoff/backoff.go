package backoff

import (
	"math"
	"time"
)

// Backoff says how long to wait before trying again. Its zero value is ready.
type Backoff struct {
	// Min is the shortest wait. Defaults to 100 ms.
	Min time.Duration
	// Max is the longest wait. Defaults to 10 s.
	Max time.Duration
	// Factor is what the bound grows by with each attempt. Defaults to 2.
	Factor float64
}

// The defaults of Backoff.
const (
	DefaultMin    = 100 * time.Millisecond
	DefaultMax    = 10 * time.Second
	DefaultFactor = 2
)

// Next returns the wait after attempt failures, counted from 0 for the first:
// a point in [Min, min(Max, Min*Factor^(attempt+1))], chosen by rnd in [0, 1).
func (b Backoff) Next(attempt int, rnd float64) time.Duration {
	b = b.withDefaults()
	bound := float64(b.Min) * math.Pow(b.Factor, float64(max(attempt, 0))+1)
	if bound > float64(b.Max) {
		bound = float64(b.Max)
	}
	wait := b.Min + time.Duration(rnd*(bound-float64(b.Min)))
	return min(max(wait, b.Min), b.Max) // float64 rounds large durations
}

func (b Backoff) withDefaults() Backoff {
	if b.Min <= 0 {
		b.Min = DefaultMin
	}
	if b.Max <= 0 {
		b.Max = DefaultMax
	}
	if !(b.Factor > 1) { // also if it is not a number
		b.Factor = DefaultFactor
	}
	b.Max = max(b.Max, b.Min)
	return b
}
