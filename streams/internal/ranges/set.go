package ranges

import (
	"cmp"
	"iter"
	"slices"
)

// Range is the numbers from From to To, both included.
type Range struct{ From, To uint64 }

// Set is numbers, as sorted ranges that do not touch. nil is none.
type Set []Range

// Of is the numbers from one to another, both included; none if to is before from.
func Of(from, to uint64) Set {
	if to < from {
		return nil
	}
	return Set{{from, to}}
}

// From is the set of numbers in any order.
func From(numbers ...uint64) (s Set) {
	for _, n := range slices.Sorted(slices.Values(numbers)) {
		s = s.push(n, n)
	}
	return s
}

// Count is how many numbers there are.
func (s Set) Count() (n uint64) {
	for _, r := range s {
		n += r.To - r.From + 1
	}
	return n
}

// First is the lowest number, Last the highest; 0 if there is none.
func (s Set) First() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[0].From
}

// Last is the highest number; 0 if there is none.
func (s Set) Last() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].To
}

// Has reports whether n is in the set.
func (s Set) Has(n uint64) bool {
	_, found := slices.BinarySearchFunc(s, n, func(r Range, n uint64) int {
		if r.From <= n && n <= r.To {
			return 0
		}
		return cmp.Compare(r.From, n)
	})
	return found
}

// All ranges over the numbers, and counts them from 0 on.
func (s Set) All() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		i := 0
		for _, r := range s {
			for n := r.From; ; n++ {
				if !yield(i, n) {
					return
				}
				i++
				if n == r.To {
					break
				}
			}
		}
	}
}

// Add is the set with the numbers from one to another, which are not below its
// last one. It may use the set's memory: the set is given up.
func (s Set) Add(from, to uint64) Set { return s.push(from, to) }

// push appends a range that begins at or behind the last one.
func (s Set) push(from, to uint64) Set {
	if n := len(s); n > 0 && from <= s[n-1].To+1 {
		s[n-1].To = max(s[n-1].To, to)
		return s
	}
	return append(s, Range{from, to})
}

// Union is what is in any of the sets.
func Union(sets ...Set) (all Set) {
	for _, r := range slices.SortedFunc(slices.Values(slices.Concat(sets...)), func(a, b Range) int { return cmp.Compare(a.From, b.From) }) {
		all = all.push(r.From, r.To)
	}
	return all
}

// Split is the numbers of s that are in o, and those that are not.
func (s Set) Split(o Set) (inside, outside Set) {
	for _, r := range s {
		for len(o) > 0 && o[0].To < r.From {
			o = o[1:]
		}
		from, whole := r.From, false
		for _, x := range o {
			if x.From > r.To {
				break
			}
			if x.From > from {
				outside = outside.push(from, x.From-1)
			}
			to := min(x.To, r.To)
			inside = inside.push(max(x.From, from), to)
			if whole = to == r.To; whole {
				break
			}
			from = to + 1
		}
		if !whole {
			outside = outside.push(from, r.To)
		}
	}
	return inside, outside
}

// Take is the first n numbers, and the others.
func (s Set) Take(n uint64) (head, rest Set) {
	for i, r := range s {
		switch size := r.To - r.From + 1; {
		case n == 0:
			return s[:i:i], s[i:]
		case n < size:
			head = append(s[:i:i], Range{r.From, r.From + n - 1})
			return head, append(Set{{r.From + n, r.To}}, s[i+1:]...)
		default:
			n -= size
		}
	}
	return s, nil
}

// Spans cuts the set so that each part's last number is less than span above its
// first.
func (s Set) Spans(span uint64) (parts []Set) {
	var part Set
	for _, r := range s {
		for from := r.From; ; {
			if len(part) > 0 && from-part.First() >= span {
				parts, part = append(parts, part), nil
			}
			first := from
			if len(part) > 0 {
				first = part.First()
			}
			to := min(r.To, first+span-1)
			part = part.push(from, to)
			if to == r.To {
				break
			}
			from = to + 1
		}
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}
