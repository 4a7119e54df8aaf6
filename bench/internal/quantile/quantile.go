// Package quantile says how long most samples took.
package quantile

import "slices"

// Micros returns a quantile of samples of nanoseconds, in microseconds: the
// smallest sample that is at least as long as that part of all. It is 0 without
// samples. q is in (0, 1].
func Micros(ns []int64, q float64) float64 {
	if len(ns) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ns))
	rank := int(q*float64(len(sorted))+0.999999) - 1
	return float64(sorted[min(max(rank, 0), len(sorted)-1)]) / 1e3
}
