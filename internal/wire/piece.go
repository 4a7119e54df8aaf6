package wire

import (
	"sync/atomic"

	"google.golang.org/grpc/mem"
)

// Piece is encoded bytes, and the memory that they are a part of. Nobody writes
// to the bytes.
//
// Counting is there to use memory again at once, not to be right: whoever keeps
// a piece for longer than a call calls Hold, and Release when he is done with
// all of it; who never calls Release leaves the memory to the collector, which
// costs speed and nothing else. So only those release who can be sure: the
// stream that has written a piece, the reader of a frame that has handed all of
// it on, a queue that drops.
type Piece struct {
	Data []byte
	Mem  *Memory // nil: Data is all of it
}

// Hold keeps the memory from being used again.
func (p Piece) Hold() {
	if p.Mem.counted() {
		p.Mem.refs.Add(1)
	}
}

// Release undoes one Hold. Data must not be looked at afterwards.
func (p Piece) Release() {
	if p.Mem.counted() {
		p.Mem.release()
	}
}

// Kept is how many bytes the piece keeps from being freed.
func (p Piece) Kept() int {
	if p.Mem == nil {
		return len(p.Data)
	}
	return p.Mem.size
}

// Memory is a received message that several pieces may be parts of.
type Memory struct {
	refs  atomic.Int32
	block *[]byte // nil: the collector's, not counted
	size  int
}

// NewMemory is memory of that many bytes that belongs to the collector.
func NewMemory(size int) *Memory { return &Memory{size: size} }

func (m *Memory) counted() bool { return m != nil && m.block != nil }

// The sizes of messages that are received into counted memory. Smaller ones are
// not worth it, larger ones are rare.
const (
	minCounted = 4 << 10
	maxCounted = 1 << maxShift
)

// gatherCounted copies a message into a block, which is held once, if it has the
// size for that.
func gatherCounted(data mem.BufferSlice) Piece {
	n := data.Len()
	if n < minCounted || n > maxCounted {
		return Piece{Data: gather(data), Mem: NewMemory(n)}
	}
	block := blocks.Get(n)
	data.CopyTo(*block)
	m := &Memory{block: block, size: cap(*block)}
	m.refs.Store(1)
	return Piece{Data: *block, Mem: m}
}

func (m *Memory) release() {
	if m.refs.Add(-1) == 0 {
		if scribble {
			clear(*m.block)
		}
		blocks.Put(m.block)
	}
}

// releaser is how gRPC releases what it has written: it puts it "back".
type releaser Memory

var _ mem.BufferPool = (*releaser)(nil)

// Get implements mem.BufferPool; nobody calls it.
func (*releaser) Get(n int) *[]byte { return blocks.Get(n) }

// Put implements mem.BufferPool.
func (r *releaser) Put(*[]byte) { (*Memory)(r).release() }
