package encoding

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/huff0"
)

// A connection's zstd-stream is one frame that never ends (RFC 8878): clients have a context
// which is at its end when a frame is, so there cannot be one for each message.
//
// A decoder keeps three things from block to block: what was decoded, the tables of the
// entropy codes, and the three newest offsets. Blocks that are to stand at any place of any
// frame may use none of them. Encoders of the usual libraries use the offsets, which cannot
// be turned off. So the matches are found here, by a simple search, and written with the
// tables that the format fixes; an offset is written in full, or as that of the match before
// it in its block. Huffman's code for the literals is the library's, its table in each block.

const (
	zstdWindow = 1 << 17 // how far back a match may be
	zstdBlock  = 1 << 17 // how much a block may hold
)

// zstdHeader begins a frame: the magic number, no size, no checksum, no dictionary, the
// window.
var zstdHeader = string([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, (17 - 10) << 3})

const (
	blockRaw        = 0
	blockCompressed = 2
)

// minZstd is from how many bytes on compression is tried.
const minZstd = 64

var zstdEncoders = sync.Pool{New: func() any {
	return &zstdEncoder{huffman: huff0.Scratch{Reuse: huff0.ReusePolicyNone}}
}}

// zstdPart compresses a part into blocks that depend on nothing before them.
func zstdPart(part []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	if len(part) < minZstd {
		return appendRawBlock(nil, part), nil
	}
	z := zstdEncoders.Get().(*zstdEncoder)
	defer zstdEncoders.Put(z)
	z.out = z.appendBlocks(z.out[:0], part)
	made := bytes.Clone(z.out)
	if cap(z.out) > 2*zstdBlock {
		z.out = nil
	}
	return made, nil
}

func appendBlockHeader(dst []byte, kind, size int) []byte {
	n := size<<3 | kind<<1
	return append(dst, byte(n), byte(n>>8), byte(n>>16))
}

// appendRawBlock appends a block that is not compressed.
func appendRawBlock(dst, data []byte) []byte {
	return append(appendBlockHeader(dst, blockRaw, len(data)), data...)
}

// zstdEncoder is the memory of one run, used again.
type zstdEncoder struct {
	out       []byte
	literals  []byte
	sequences []sequence
	huffman   huff0.Scratch
	matcher   matcher
}

func (z *zstdEncoder) appendBlocks(dst, src []byte) []byte {
	z.matcher.begin(src)
	for from := 0; from < len(src); from += zstdBlock {
		dst = z.appendBlock(dst, src, from, min(from+zstdBlock, len(src)))
	}
	z.matcher.end()
	return dst
}

func (z *zstdEncoder) appendBlock(dst, src []byte, from, to int) []byte {
	z.sequences, z.literals = z.matcher.find(z.sequences[:0], z.literals[:0], from, to)
	begin := len(dst)
	dst = append(dst, 0, 0, 0)
	dst = z.appendLiterals(dst)
	dst = appendSequences(dst, z.sequences)
	size := len(dst) - begin - 3
	if size >= to-from {
		return appendRawBlock(dst[:begin], src[from:to])
	}
	appendBlockHeader(dst[:begin], blockCompressed, size)
	return dst
}

// The kinds of a literals section.
const (
	literalsRaw     = 0
	literalsHuffman = 2
)

func (z *zstdEncoder) appendLiterals(dst []byte) []byte {
	n := uint64(len(z.literals))
	if packed, streams := z.packLiterals(); packed != nil {
		// Two sizes of 10, 14 or 18 bits each: the streams say so, and how long they are.
		format, width := uint64(0), 10
		switch {
		case streams == 1:
		case n < 1<<10:
			format = 1
		case n < 1<<14:
			format, width = 2, 14
		default:
			format, width = 3, 18
		}
		header := literalsHuffman | format<<2 | n<<4 | uint64(len(packed))<<(4+width)
		dst = appendLittle(dst, header, (4+2*width+7)/8)
		return append(dst, packed...)
	}
	switch {
	case n < 1<<5:
		dst = appendLittle(dst, literalsRaw|n<<3, 1)
	case n < 1<<12:
		dst = appendLittle(dst, literalsRaw|1<<2|n<<4, 2)
	default:
		dst = appendLittle(dst, literalsRaw|3<<2|n<<4, 3)
	}
	return append(dst, z.literals...)
}

// packLiterals is the literals in Huffman's code, with its table, in one stream or four;
// nil if that is no shorter.
func (z *zstdEncoder) packLiterals() (packed []byte, streams int) {
	pack, streams := huff0.Compress4X, 4
	switch n := len(z.literals); {
	case n < 32:
		return nil, 0
	case n < 1<<10:
		pack, streams = huff0.Compress1X, 1
	}
	packed, _, err := pack(z.literals, &z.huffman)
	if err != nil || len(packed) >= len(z.literals) {
		return nil, 0
	}
	return packed, streams
}

func appendLittle(dst []byte, n uint64, size int) []byte {
	for range size {
		dst = append(dst, byte(n))
		n >>= 8
	}
	return dst
}
