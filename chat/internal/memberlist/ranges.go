package memberlist

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/eventnode/eventnode"
)

// Range is the indexes from First to Last, both included. In JSON it is [First, Last]: a
// client's request, {channel: [[0, 99], …]}, decodes into map[…][]Range.
type Range struct{ First, Last int }

// MarshalJSON implements json.Marshaler.
func (r Range) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", r.First, r.Last), nil
}

// UnmarshalJSON takes two whole numbers, also such as Subscribe ignores.
func (r *Range) UnmarshalJSON(b []byte) error {
	var ends []int
	if err := json.Unmarshal(b, &ends); err != nil || len(ends) != 2 {
		return fmt.Errorf("%.80s is no range: it is two whole numbers, [first, last]: %w", b, eventnode.ErrInvalidArgument)
	}
	r.First, r.Last = ends[0], ends[1]
	return nil
}

func (r Range) has(i int) bool { return r.First <= i && i <= r.Last }

// clamp is the index in the range that is nearest to i.
func (r Range) clamp(i int) int { return min(max(i, r.First), r.Last) }

func (r Range) compare(o Range) int {
	return cmp.Or(cmp.Compare(r.First, o.First), cmp.Compare(r.Last, o.Last))
}

// sound is what a client asked for, sorted, without what is negative, reversed or said
// twice.
func (c *Config) sound(asked []Range) ([]Range, error) {
	out := slices.DeleteFunc(slices.Clone(asked), func(r Range) bool { return r.First < 0 || r.Last < r.First })
	slices.SortFunc(out, Range.compare)
	out = slices.Compact(out)
	if len(out) > c.MaxRanges {
		return nil, &eventnode.LimitError{Limit: "max_list_ranges", Max: c.MaxRanges, Got: len(out)}
	}
	for _, r := range out {
		if r.Last-r.First >= c.MaxWidth {
			return nil, fmt.Errorf("range [%d, %d]: %w", r.First, r.Last, &eventnode.LimitError{Limit: "max_list_range_width", Max: c.MaxWidth, Got: r.Last - r.First + 1})
		}
	}
	return out, nil
}

// runs joins sorted ranges that touch or overlap.
func runs(sorted []Range) (out []Range) {
	for _, r := range sorted {
		if n := len(out); n > 0 && r.First-1 <= out[n-1].Last {
			out[n-1].Last = max(out[n-1].Last, r.Last)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// without is what of some runs is in none of others.
func without(some, others []Range) (out []Range) {
	for _, r := range some {
		out = r.without(others, out)
	}
	return out
}

func (r Range) without(others, out []Range) []Range {
	for _, o := range others {
		if o.Last < r.First || o.First > r.Last {
			continue
		}
		if o.First > r.First {
			out = append(out, Range{r.First, o.First - 1})
		}
		if o.Last >= r.Last {
			return out
		}
		r.First = o.Last + 1
	}
	return append(out, r)
}
