package report

import (
	"math"
	"slices"
)

// stat is what the rounds of one metric by one system amount to. Without rounds
// it is zero.
type stat struct {
	n                       int
	median, lowest, highest float64
	// mad is the median absolute deviation from the median: half of the rounds
	// were nearer to it. One bad round does not move it.
	mad float64
}

func summarize(values []float64) stat {
	if len(values) == 0 {
		return stat{}
	}
	m := median(values)
	deviations := make([]float64, len(values))
	for i, v := range values {
		deviations[i] = math.Abs(v - m)
	}
	return stat{
		n:       len(values),
		median:  m,
		lowest:  slices.Min(values),
		highest: slices.Max(values),
		mad:     median(deviations),
	}
}

// median is the mean of the middle two if there are two.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	middle := len(s) / 2
	if len(s)%2 == 1 {
		return s[middle]
	}
	return (s[middle-1] + s[middle]) / 2
}

// ratio is of the medians. It is false if one of them is missing, or b's is 0.
func ratio(a, b stat) (float64, bool) {
	if a.n == 0 || b.n == 0 || b.median == 0 {
		return 0, false
	}
	return a.median / b.median, true
}
