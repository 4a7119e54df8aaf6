package chain

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Kinds of writes, as they are hashed. They are never renumbered.
const (
	kindSet         = 1
	kindDelete      = 2
	kindDeleteRange = 3
)

// Tail is the end of a chain: the state after the last sealed entry, and the
// writes since.
type Tail struct {
	state State
	hash  xxhash.Digest
	open  bool // writes since the last Seal
	err   error
	frame [1 + 2*8]byte
}

// NewTail begins after state.
func NewTail(state State) *Tail {
	t := &Tail{state: state}
	t.hash.Reset()
	return t
}

// State is that of the last sealed entry.
func (t *Tail) State() State { return t.state }

// Err is the first error, also one that was handed to Fail.
func (t *Tail) Err() error { return t.err }

// Fail keeps err, unless there was one before.
func (t *Tail) Fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Set notes a write and reports whether the engine may make it.
func (t *Tail) Set(key []byte, value [][]byte) bool {
	if !t.begin(key) {
		return false
	}
	size := 0
	for _, part := range value {
		size += len(part)
	}
	t.write(kindSet, len(key), size)
	_, _ = t.hash.Write(key)
	for _, part := range value {
		_, _ = t.hash.Write(part)
	}
	return true
}

// Delete notes a delete and reports whether the engine may make it.
func (t *Tail) Delete(key []byte) bool {
	if !t.begin(key) {
		return false
	}
	t.write(kindDelete, len(key), 0)
	_, _ = t.hash.Write(key)
	return true
}

// DeleteRange notes a range delete and reports whether the engine may make it.
func (t *Tail) DeleteRange(lower, upper []byte) bool {
	if !t.begin(lower) || !t.begin(upper) {
		return false
	}
	t.write(kindDeleteRange, len(lower), len(upper))
	_, _ = t.hash.Write(lower)
	_, _ = t.hash.Write(upper)
	return true
}

// Seal ends the writes of entry.
func (t *Tail) Seal(entry engine.Applied) {
	if t.err != nil {
		return
	}
	if entry.Index <= t.state.Index || entry.Term < t.state.Term {
		t.Fail(fmt.Errorf("%w: entry %d of term %d after %d of term %d",
			engine.ErrOrder, entry.Index, entry.Term, t.state.Index, t.state.Term))
		return
	}
	var end [3 * 8]byte
	binary.BigEndian.PutUint64(end[0:], uint64(t.state.Chain))
	binary.BigEndian.PutUint64(end[8:], entry.Index)
	binary.BigEndian.PutUint64(end[16:], entry.Term)
	_, _ = t.hash.Write(end[:])
	t.state = State{Applied: entry, Chain: engine.Chain(t.hash.Sum64())}
	t.hash.Reset()
	t.open = false
}

// Finish seals what is open under last, or checks that last was sealed.
func (t *Tail) Finish(last engine.Applied) {
	if t.open || last != t.state.Applied {
		t.Seal(last)
	}
}

func (t *Tail) begin(key []byte) bool {
	if t.err == nil && (len(key) == 0 || key[0] < engine.MinKey || key[0] > engine.MaxKey) {
		t.err = fmt.Errorf("%w: %.32x", engine.ErrKey, key)
	}
	t.open = t.open || t.err == nil
	return t.err == nil
}

// write adds the frame of a write: its kind and the lengths of what follows.
func (t *Tail) write(kind byte, first, second int) {
	t.frame[0] = kind
	binary.BigEndian.PutUint64(t.frame[1:], uint64(first))
	binary.BigEndian.PutUint64(t.frame[9:], uint64(second))
	_, _ = t.hash.Write(t.frame[:])
}
