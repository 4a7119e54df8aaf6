package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// ordinary are the bytes that stand for themselves in a string.
var ordinary = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return table
}()

// String is the index behind the string which begins at an index, with its quote.
func String(data []byte, at int) (end int, err error) {
	for at++; ; at++ {
		at = Ordinary(data, at)
		switch {
		case at >= len(data):
			return at, wrong(at, "the end of a string")
		case data[at] == '"':
			return at + 1, nil
		case data[at] != '\\':
			return at, wrong(at, "no control character in a string")
		}
		if at, err = escape(data, at+1); err != nil {
			return at, err
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// Ordinary is the index of the next byte, from one in a string on, that does not stand for
// itself: a quote, a backslash or a control character. Without one it is the end of data.
func Ordinary(data []byte, at int) int {
	for ; at+8 <= len(data); at += 8 {
		// Of eight bytes at once, the high bit of each that is below a space, a quote or a
		// backslash: the first one is right, and those behind it need not be.
		x := binary.LittleEndian.Uint64(data[at:])
		quote, backslash := x^ones*'"', x^ones*'\\'
		special := ((x-ones*' ')&^x | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
		if special != 0 {
			return at + bits.TrailingZeros64(special)/8
		}
	}
	for at < len(data) && ordinary[data[at]] {
		at++
	}
	return at
}

// escape is the index of an escape's last byte.
func escape(data []byte, at int) (int, error) {
	if at >= len(data) {
		return at, wrong(at, "an escape")
	}
	switch data[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at, nil
	case 'u':
		for range 4 {
			if at++; at >= len(data) || !hexadecimal(data[at]) {
				return at, wrong(at, "four hexadecimal digits")
			}
		}
		return at, nil
	}
	return at, wrong(at, "an escape")
}

func hexadecimal(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// number is the index behind a number.
func number(data []byte, at int) (int, error) {
	if data[at] == '-' {
		at++
	}
	whole := digits(data, at)
	if whole == at || data[at] == '0' && whole > at+1 {
		return at, wrong(at, "a value")
	}
	at = whole
	if at < len(data) && data[at] == '.' {
		end := digits(data, at+1)
		if end == at+1 {
			return end, wrong(end, "a digit")
		}
		at = end
	}
	if at < len(data) && (data[at] == 'e' || data[at] == 'E') {
		at++
		if at < len(data) && (data[at] == '+' || data[at] == '-') {
			at++
		}
		end := digits(data, at)
		if end == at {
			return end, wrong(end, "a digit")
		}
		at = end
	}
	return at, nil
}

func digits(data []byte, at int) int {
	for at < len(data) && '0' <= data[at] && data[at] <= '9' {
		at++
	}
	return at
}
