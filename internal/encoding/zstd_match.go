package encoding

import (
	"encoding/binary"
	"math/bits"
)

// sequence is some literals, and then a match.
type sequence struct {
	literals, match, offset int
}

// matcher finds where a text repeats itself: a table with the newest place of each hash of
// six bytes, and the first match that is found is taken.
type matcher struct {
	src  []byte
	base uint32 // places in the table are above it, or of texts before
	seen [1 << matchBits]uint32
}

const (
	matchBits = 13
	minMatch  = 6
	minRepeat = 4 // as far back as the match before, which takes few bits to say
)

func (m *matcher) begin(src []byte) { m.src = src }

// end forgets the text. Its places stay in the table, below the next one's.
func (m *matcher) end() {
	m.base += uint32(len(m.src))
	if m.src = nil; m.base > 1<<31 {
		clear(m.seen[:])
		m.base = 0
	}
}

// place is the newest place before here with the same six bytes, maybe; -1: there is none.
func (m *matcher) place(here int) int {
	six := binary.LittleEndian.Uint64(m.src[here:]) << 16
	entry := &m.seen[six*0x9e3779b97f4a7c15>>(64-matchBits)]
	before := int(*entry) - int(m.base) - 1
	*entry = m.base + uint32(here) + 1
	return before
}

// find appends the matches of a part of the text, and the bytes that are in none.
func (m *matcher) find(into []sequence, literals []byte, from, to int) ([]sequence, []byte) {
	done := from
	last := 0
	for here := from; here+8 <= to; {
		before := m.place(here)
		if last > 0 && here > done && m.alike(here-last, here, to) >= minRepeat {
			before = here - last
		} else if before < 0 || here-before > zstdWindow || m.alike(before, here, to) < minMatch {
			here += 1 + (here-done)>>6
			continue
		}
		for here > done && before > 0 && m.src[here-1] == m.src[before-1] {
			here, before = here-1, before-1
		}
		n := m.alike(before, here, to)
		last = here - before
		into = append(into, sequence{here - done, n, last})
		literals = append(literals, m.src[done:here]...)
		here += n
		done = here
		if here+6 <= to {
			m.place(here - 2)
		}
	}
	return into, append(literals, m.src[done:to]...)
}

// alike is how many bytes are the same at two places.
func (m *matcher) alike(before, here, to int) int {
	n := 0
	for ; here+n+8 <= to; n += 8 {
		if x := binary.LittleEndian.Uint64(m.src[before+n:]) ^ binary.LittleEndian.Uint64(m.src[here+n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for here+n < to && m.src[before+n] == m.src[here+n] {
		n++
	}
	return n
}
