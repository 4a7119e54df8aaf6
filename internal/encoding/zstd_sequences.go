package encoding

import (
	"math/bits"
	"slices"
)

// The sequences section of a block: how many literals come, how long the match is, how far
// back it is. Each number is a code, written by a finite state entropy coder with the
// table that the format fixes, and some bits. A decoder reads backwards, so the last
// sequence is written first.

// length is a code of a length: what it begins at, and how many bits are added.
type length struct {
	from int
	bits uint8
}

// lengths continues a list: codes of these numbers of bits, each from where the one
// before ends.
func lengths(plain, from int, widths ...uint8) []length {
	var all []length
	for i := range plain {
		all = append(all, length{from + i, 0})
	}
	from += plain
	for _, w := range widths {
		all = append(all, length{from, w})
		from += 1 << w
	}
	return all
}

// coder is one of the three codes: its table, and for lengths what its codes stand for.
type coder struct {
	log     uint8
	next    []uint16
	symbols []transition
	lengths []length
}

// transition is how a symbol changes a state: by how many bits, and to where.
type transition struct {
	bits, find int
}

// The codes that the format fixes (RFC 8878, sections 3.1.1.3.2.1 and 3.1.1.3.2.2). -1 is
// a symbol that is less likely than 1.
var (
	literalCoder = newCoder(6, []int8{
		4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2,
		2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
	}, lengths(16, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
	matchCoder = newCoder(6, []int8{
		1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
	}, lengths(32, 3, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
	offsetCoder = newCoder(5, []int8{
		1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
	}, nil)
)

// newCoder makes the table of a code from how likely its symbols are, as RFC 8878, section
// 4.1.1, has decoders do it.
func newCoder(log uint8, likely []int8, lengths []length) *coder {
	c := &coder{log: log, next: make([]uint16, 1<<log), symbols: make([]transition, len(likely)), lengths: lengths}
	free := make([]int, len(likely)) // the next place of each symbol in the table
	total := 0
	for s, n := range likely {
		n := max(int(n), -int(n))
		free[s] = total
		widest := int(log)
		if n > 1 {
			widest -= bits.Len(uint(n-1)) - 1
		}
		if n > 0 {
			c.symbols[s] = transition{widest<<16 - n<<widest, total - n}
		}
		total += n
	}
	for state, s := range spread(log, likely) {
		c.next[free[s]] = uint16(1<<log + state)
		free[s]++
	}
	return c
}

// spread is which symbol each state of a decoder stands for.
func spread(log uint8, likely []int8) []int {
	size := 1 << log
	table := make([]int, size)
	high := size
	for s, n := range likely {
		if n == -1 {
			high--
			table[high] = s
		}
	}
	at := 0
	for s, n := range likely {
		for range max(n, 0) {
			table[at] = s
			for at = (at + size>>1 + size>>3 + 3) % size; at >= high; {
				at = (at + size>>1 + size>>3 + 3) % size
			}
		}
	}
	return table
}

// first is the state that has a symbol decoded last.
func (c *coder) first(symbol int) int {
	t := c.symbols[symbol]
	n := (t.bits + 1<<15) >> 16
	return int(c.next[(n<<16-t.bits)>>n+t.find])
}

// step writes what is left of a state, and is the one that has a symbol decoded before.
func (c *coder) step(w *bitWriter, state, symbol int) int {
	t := c.symbols[symbol]
	n := (state + t.bits) >> 16
	w.add(state, n)
	return int(c.next[state>>n+t.find])
}

// code is the code of a length: the last one that begins at it or before.
func (c *coder) code(n int) int {
	low, high := 0, len(c.lengths)
	for high-low > 1 {
		if mid := (low + high) / 2; c.lengths[mid].from <= n {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// rest writes what a length is above its code.
func (c *coder) rest(w *bitWriter, code, n int) {
	w.add(n-c.lengths[code].from, int(c.lengths[code].bits))
}

// bitWriter writes bits, the first ones lowest.
type bitWriter struct {
	dst  []byte
	bits uint64
	n    int
}

// add appends the n lowest bits of a number: at most 31.
func (w *bitWriter) add(number, n int) {
	w.bits |= uint64(number) & (1<<n - 1) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.dst = append(w.dst, byte(w.bits))
		w.bits >>= 8
	}
}

// end marks where the bits end, for who reads them from there.
func (w *bitWriter) end() []byte {
	w.add(1, 1)
	if w.n > 0 {
		w.add(0, 8-w.n)
	}
	return w.dst
}

// appendSequences appends a sequences section.
func appendSequences(dst []byte, all []sequence) []byte {
	switch n := len(all); {
	case n == 0:
		return append(dst, 0)
	case n < 128:
		dst = append(dst, byte(n))
	default: // up to 0x7eff: a block has place for 26,214, a literal and four bytes each
		dst = append(dst, byte(n>>8)+128, byte(n))
	}
	w := bitWriter{dst: append(dst, 0)} // 0: the tables are the fixed ones
	var literals, match, offset int     // states
	for i, s := range slices.Backward(all) {
		lit, long := literalCoder.code(s.literals), matchCoder.code(s.match)
		back := s.offset + 3
		if i > 0 && s.literals > 0 && s.offset == all[i-1].offset {
			back = 1 // as the one before, which is in this block
		}
		far := bits.Len(uint(back)) - 1
		if i == len(all)-1 {
			literals, match, offset = literalCoder.first(lit), matchCoder.first(long), offsetCoder.first(far)
		} else {
			offset = offsetCoder.step(&w, offset, far)
			match = matchCoder.step(&w, match, long)
			literals = literalCoder.step(&w, literals, lit)
		}
		literalCoder.rest(&w, lit, s.literals)
		matchCoder.rest(&w, long, s.match)
		w.add(back, far)
	}
	w.add(match, int(matchCoder.log))
	w.add(offset, int(offsetCoder.log))
	w.add(literals, int(literalCoder.log))
	return w.end()
}
