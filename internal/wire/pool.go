package wire

import (
	"math/bits"
	"sync"

	"google.golang.org/grpc/mem"
)

// Pool is memory for frames on their way through gRPC, that is used again. Give
// it to every server and connection (experimental.BufferPool, WithBufferPool):
// unlike gRPC's own it does not clear what it hands out, which cost as much as
// copying; whoever gets a buffer fills all of it. It is safe for concurrent use.
// What is not given back is garbage as any other.
func Pool() mem.BufferPool { return &blocks }

// NewBlock returns an empty slice with room for n bytes at least, to be filled
// up to its capacity and sent as Frame.Own.
func NewBlock(n int) *[]byte {
	b := blocks.Get(n)
	*b = (*b)[:0]
	return b
}

// GrowBlock makes room for n more bytes in a block from NewBlock: perhaps in
// another one, which takes its place.
func GrowBlock(b *[]byte, n int) *[]byte {
	if len(*b)+n <= cap(*b) {
		return b
	}
	grown := NewBlock(max(len(*b)+n, 2*cap(*b)))
	*grown = append(*grown, *b...)
	blocks.Put(b)
	return grown
}

// The sizes of blocks are powers of two: 1 KiB to 256 KiB. Others are not kept.
const minShift, maxShift = 10, 18

type pool struct {
	sizes [maxShift - minShift + 1]sync.Pool
}

var blocks pool

// Get implements mem.BufferPool.
func (p *pool) Get(n int) *[]byte {
	shift := max(bits.Len(uint(max(n, 1)-1)), minShift)
	if shift > maxShift {
		b := make([]byte, n)
		return &b
	}
	if b, ok := p.sizes[shift-minShift].Get().(*[]byte); ok {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n, 1<<shift)
	return &b
}

// Put implements mem.BufferPool.
func (p *pool) Put(b *[]byte) {
	n := cap(*b)
	shift := bits.Len(uint(n)) - 1
	if shift < minShift || shift > maxShift || n != 1<<shift {
		return
	}
	p.sizes[shift-minShift].Put(b)
}
