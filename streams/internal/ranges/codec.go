package ranges

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrMalformed is the error for bytes that are no set.
var ErrMalformed = errors.New("malformed ranges")

// Append writes the set to b: for each range how many numbers are left out before
// it, and how many it has beyond one, as varints.
func (s Set) Append(b []byte) []byte {
	next := uint64(0)
	for _, r := range s {
		b = binary.AppendUvarint(b, r.From-next)
		b = binary.AppendUvarint(b, r.To-r.From)
		next = r.To + 1
	}
	return b
}

// Encode is the set as bytes.
func (s Set) Encode() []byte { return s.Append(nil) }

// Decode reads a set of which each number is below the greatest there is. It takes
// only what Encode writes.
func Decode(b []byte) (Set, error) {
	s := make(Set, 0, len(b)/2) // a range has two bytes at least
	for next := uint64(0); len(b) > 0; {
		gap, n := uvarint(b)
		more, m := uvarint(b[n:])
		switch {
		case n == 0 || m == 0, gap >= math.MaxUint64-next, more >= math.MaxUint64-next-gap:
			return nil, ErrMalformed
		case gap == 0 && len(s) > 0: // they would touch
			return nil, ErrMalformed
		}
		r := Range{next + gap, next + gap + more}
		s, next, b = append(s, r), r.To+1, b[n+m:]
	}
	if len(s) == 0 {
		return nil, nil
	}
	return s, nil
}

// First is the lowest number of the set that Encode wrote; 0 if there is none.
func First(b []byte) uint64 {
	first, _ := uvarint(b)
	return first
}

// uvarint is binary.Uvarint for numbers that are written in the shortest way; n is
// 0 for others.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
