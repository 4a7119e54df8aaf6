package command

import (
	"fmt"
	"math/bits"
	"time"
)

// A histogram has 128 buckets for each power of two, so a quantile is right to
// within 1 %, at any magnitude and in fixed memory.
const (
	histogramBits    = 7
	histogramSub     = 1 << histogramBits
	histogramBuckets = (64 - histogramBits) * histogramSub
)

// histogram counts durations in nanoseconds. Its zero value is empty.
type histogram struct {
	counts [histogramBuckets]uint64
	total  uint64
	max    int64
}

// bucketOf is the bucket of a value that is not negative.
func bucketOf(v uint64) int {
	shift := max(0, bits.Len64(v)-histogramBits-1)
	return shift*histogramSub + int(v>>shift)
}

// bucketTop is the highest value in a bucket.
func bucketTop(bucket int) int64 {
	if bucket < 2*histogramSub {
		return int64(bucket)
	}
	shift := bucket/histogramSub - 1
	return int64(bucket-shift*histogramSub+1)<<shift - 1
}

// add counts one duration; a negative one counts as 0.
func (h *histogram) add(ns int64) {
	ns = max(ns, 0)
	h.counts[bucketOf(uint64(ns))]++
	h.total++
	h.max = max(h.max, ns)
}

// merge adds what other holds.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// quantile is the value that a share q of the counted ones does not exceed.
func (h *histogram) quantile(q float64) int64 {
	rank := uint64(q * float64(h.total))
	var sum uint64
	for i, n := range h.counts {
		if sum += n; sum > rank {
			return min(bucketTop(i), h.max)
		}
	}
	return h.max
}

// latencies are the part of a report that says how long something took, in ns.
type latencies struct {
	LatencyP50  int64 `json:"latency_p50_ns"`
	LatencyP99  int64 `json:"latency_p99_ns"`
	LatencyP999 int64 `json:"latency_p999_ns"`
	LatencyMax  int64 `json:"latency_max_ns"`
}

func (h *histogram) latencies() latencies {
	return latencies{h.quantile(0.5), h.quantile(0.99), h.quantile(0.999), h.max}
}

// text is the same for people.
func (l latencies) text() string {
	us := func(ns int64) time.Duration { return time.Duration(ns).Round(time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v, max %v", us(l.LatencyP50), us(l.LatencyP99), us(l.LatencyP999), us(l.LatencyMax))
}
