package encoding

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

func (r *termReader) integer(tag byte) error {
	switch tag {
	case tagSmallInteger:
		b, err := r.take(1)
		if err == nil {
			r.dst = strconv.AppendUint(r.dst, uint64(b[0]), 10)
		}
		return err
	case tagInteger:
		b, err := r.take(4)
		if err == nil {
			r.dst = strconv.AppendInt(r.dst, int64(int32(binary.BigEndian.Uint32(b))), 10)
		}
		return err
	case tagSmallBig:
		return r.big(1)
	default:
		return r.big(4)
	}
}

// big reads an integer whose length has so many bytes: a sign, and its bytes, the least
// first.
func (r *termReader) big(size int) error {
	n, err := r.count(size)
	if err != nil {
		return err
	}
	if n > maxBig {
		return r.fail("an integer has %d bytes, and may have %d", n, maxBig)
	}
	digits, err := r.take(n + 1)
	if err != nil {
		return err
	}
	sign := digits[0]
	if sign > 1 {
		return r.fail("an integer's sign is %d", sign)
	}
	if n <= 8 { // ids are
		r.small(sign == 1, digits[1:])
		return nil
	}
	most := bytes.Clone(digits[1:])
	slices.Reverse(most)
	value := new(big.Int).SetBytes(most)
	if sign == 1 {
		value.Neg(value)
	}
	r.dst = value.Append(r.dst, 10)
	return nil
}

// small writes an integer that fits 64 bits.
func (r *termReader) small(negative bool, least []byte) {
	value := uint64(0)
	for i, b := range least {
		value |= uint64(b) << (8 * i)
	}
	if negative && value > 0 {
		r.dst = append(r.dst, '-')
	}
	r.dst = strconv.AppendUint(r.dst, value, 10)
}

func (r *termReader) float(tag byte) error {
	x, err := r.double(tag)
	if err != nil {
		return err
	}
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return r.fail("a number is not finite")
	}
	begin := len(r.dst)
	r.dst = strconv.AppendFloat(r.dst, x, 'g', -1, 64)
	if !bytes.ContainsAny(r.dst[begin:], ".e") {
		r.dst = append(r.dst, ".0"...) // it is no integer there, either
	}
	return nil
}

// double reads 64 bits, or the 31 characters of old: "%.20e" and zeros.
func (r *termReader) double(tag byte) (float64, error) {
	if tag == tagNewFloat {
		b, err := r.take(8)
		if err != nil {
			return 0, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	}
	b, err := r.take(31)
	if err != nil {
		return 0, err
	}
	x, err := strconv.ParseFloat(strings.TrimRight(string(b), "\x00"), 64)
	if err != nil {
		return 0, r.fail("a number is malformed")
	}
	return x, nil
}
