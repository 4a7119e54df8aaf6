package wire

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxVarint32 is the most bytes that every protobuf decoder takes for a tag or
// a length, which are 32-bit numbers: some give up after five.
const maxVarint32 = 5

// field is one field of an encoded message.
type field struct {
	num  int
	typ  protowire.Type
	val  []byte // the payload, without the length
	size int    // of the whole, with tag and length
}

// nextField reads the first field of b. It is stricter than protobuf-go, so
// that what passes here is read the same by every decoder: no groups (proto3
// has none, and decoders limit their depth differently), no overlong tags and
// lengths.
func nextField(b []byte) (field, bool) {
	// Nearly always both the tag and the length have one byte.
	if len(b) >= 2 && b[0] < 0x80 && b[0]&7 == byte(protowire.BytesType) && b[0] > 7 && b[1] < 0x80 {
		end := 2 + int(b[1])
		if end > len(b) {
			return field{}, false
		}
		return field{num: int(b[0] >> 3), typ: protowire.BytesType, val: b[2:end], size: end}, true
	}
	if len(b) >= 3 && b[0] < 0x80 && b[0]&7 == byte(protowire.BytesType) && b[0] > 7 && b[2] < 0x80 {
		end := 3 + (int(b[1])&0x7f | int(b[2])<<7)
		if end > len(b) {
			return field{}, false
		}
		return field{num: int(b[0] >> 3), typ: protowire.BytesType, val: b[3:end], size: end}, true
	}
	return nextFieldSlow(b)
}

// nextFieldSlow is nextField for all other shapes.
func nextFieldSlow(b []byte) (field, bool) {
	tag, n := varint32(b)
	if n == 0 {
		return field{}, false
	}
	num, typ := int(tag>>3), protowire.Type(tag&7)
	if num < int(protowire.MinValidNumber) || num > int(protowire.MaxValidNumber) {
		return field{}, false
	}
	skip, length := sizeOf(typ, b[n:])
	if length < 0 || length > len(b)-n-skip {
		return field{}, false
	}
	end := n + skip + length
	return field{num: num, typ: typ, val: b[n+skip : end], size: end}, true
}

// sizeOf returns the bytes before and of the payload of a field; the latter is
// negative if it is malformed.
func sizeOf(typ protowire.Type, b []byte) (skip, length int) {
	switch typ {
	case protowire.BytesType:
		v, n := varint32(b)
		if n == 0 || v > math.MaxInt32 {
			return 0, -1
		}
		return n, int(v)
	case protowire.VarintType:
		_, n := protowire.ConsumeVarint(b)
		return 0, n
	case protowire.Fixed32Type:
		return 0, 4
	case protowire.Fixed64Type:
		return 0, 8
	case protowire.StartGroupType, protowire.EndGroupType:
	}
	return 0, -1
}

// varint32 reads a tag or a length. n is 0 if there is none.
func varint32(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	v, n = protowire.ConsumeVarint(b)
	if n < 0 || n > maxVarint32 || v > math.MaxUint32 {
		return 0, 0
	}
	return v, n
}

// delimited reads what follows the tag of a length-delimited field. n is 0 if
// it is malformed; else the bytes of length and payload.
func delimited(b []byte) (val []byte, n int) {
	// Nearly always the length has one byte or two.
	if len(b) > 1 {
		n, end := 1, int(b[0])
		if end >= 0x80 {
			n, end = 2, end&0x7f|int(b[1])<<7
		}
		if end += n; end <= len(b) && b[n-1] < 0x80 {
			return b[n:end], end
		}
	}
	return delimitedSlow(b)
}

// delimitedSlow is delimited for all other shapes.
func delimitedSlow(b []byte) (val []byte, n int) {
	skip, length := sizeOf(protowire.BytesType, b)
	if length < 0 || length > len(b)-skip {
		return nil, 0
	}
	return b[skip : skip+length], skip + length
}

// sizeBytes is the size of a field with a tag of one byte and n bytes in it.
func sizeBytes(n int) int { return 1 + protowire.SizeBytes(n) }
