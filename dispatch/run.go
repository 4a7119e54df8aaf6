package dispatch

import (
	"bytes"

	"github.com/eventnode/eventnode/internal/wire"
)

// run is a sequence of envelope records on their way, shared by reference
// between queues: nobody writes to it.
type run struct {
	wire.Piece
	count int
}

// owned returns the run, copied if it is a small part of what it keeps alive.
// So what a queue holds is at most four times what it counts.
func (r run) owned() run {
	if 4*len(r.Data) >= r.Kept() {
		return r
	}
	return run{Piece: wire.Piece{Data: bytes.Clone(r.Data)}, count: r.count}
}

// split divides the run after k records.
func (r run) split(k int) (first, rest run) {
	tail := wire.Skip(r.Data, k)
	cut := len(r.Data) - len(tail)
	return run{Piece: wire.Piece{Data: r.Data[:cut:cut], Mem: r.Mem}, count: k},
		run{Piece: wire.Piece{Data: tail, Mem: r.Mem}, count: r.count - k}
}

// fitting counts how many of the first records take at most limit bytes: 0 if
// the first one is longer.
func (r run) fitting(limit int) int {
	if len(r.Data) <= limit {
		return r.count
	}
	first, _, n := wire.Cut(r.Data, limit)
	if len(first) > limit {
		return 0
	}
	return n
}
