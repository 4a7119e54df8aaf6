package hands

import (
	"slices"
	"sort"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// span is numbers without a hole, both ends included.
type span struct{ from, to uint64 }

func (s span) count() int { return int(s.to - s.from + 1) }

// numbers is a set of numbers as spans that are sorted and do not touch. Its methods
// change it in place: it has one owner.
type numbers []span

// at is the place of the first span that does not end before n.
func (s numbers) at(n uint64) int {
	return sort.Search(len(s), func(i int) bool { return s[i].to >= n })
}

func (s numbers) has(n uint64) bool {
	i := s.at(n)
	return i < len(s) && s[i].from <= n
}

func (s numbers) count() (n int) {
	for _, r := range s {
		n += r.count()
	}
	return n
}

// add returns s with the numbers of r. Mostly they stand behind all others.
func (s numbers) add(r span) numbers {
	if n := len(s); n == 0 || s[n-1].to < r.from {
		if n > 0 && s[n-1].to+1 == r.from {
			s[n-1].to = r.to
			return s
		}
		return append(s, r)
	}
	from := s.at(max(r.from, 1) - 1) // one that only touches is joined, too
	to := from
	for to < len(s) && s[to].from <= r.to+1 {
		r.from, r.to = min(r.from, s[to].from), max(r.to, s[to].to)
		to++
	}
	return slices.Replace(s, from, to, r)
}

// addAll is add for each span of others.
func (s numbers) addAll(others numbers) numbers {
	for _, r := range others {
		s = s.add(r)
	}
	return s
}

// remove returns s without the numbers of r, and those of them that it had.
func (s numbers) remove(r span) (rest, removed numbers) {
	from := s.at(r.from)
	to := from
	var keep [2]span
	kept := keep[:0]
	for to < len(s) && s[to].from <= r.to {
		o := s[to]
		if o.from < r.from {
			kept = append(kept, span{o.from, r.from - 1})
		}
		if o.to > r.to {
			kept = append(kept, span{r.to + 1, o.to})
		}
		removed = append(removed, span{max(o.from, r.from), min(o.to, r.to)})
		to++
	}
	if from == to {
		return s, nil
	}
	return slices.Replace(s, from, to, kept...), removed
}

// removeAll is remove for each span of others, in one pass: in a keyed group each batch is
// hundreds of spans. It leaves s as it was.
func (s numbers) removeAll(others numbers) (rest, removed numbers) {
	rest, removed = make(numbers, 0, len(s)), make(numbers, 0, len(others))
	for _, o := range s {
		for len(others) > 0 && others[0].to < o.from {
			others = others[1:]
		}
		for _, r := range others {
			if r.from > o.to {
				break
			}
			if o.from < r.from {
				rest = append(rest, span{o.from, r.from - 1})
			}
			removed = append(removed, span{max(o.from, r.from), min(o.to, r.to)})
			o.from = min(o.to, r.to) + 1
		}
		if o.from <= o.to {
			rest = append(rest, o)
		}
	}
	return rest, removed
}

func (s numbers) toProto() []*eventnodev1.NumberRange {
	out := make([]*eventnodev1.NumberRange, len(s))
	for i, r := range s {
		out[i] = &eventnodev1.NumberRange{From: r.from, To: r.to}
	}
	return out
}
