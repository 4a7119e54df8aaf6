package enginetest

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Kind says what a Write does.
type Kind int

// The kinds of writes.
const (
	Set Kind = iota
	Delete
	DeleteRange
)

// Write is one call of a batch.
type Write struct {
	Kind  Kind
	Key   []byte
	Upper []byte   // of a DeleteRange
	Value [][]byte // of a Set
}

// Script says what each entry of a log writes. Its zero value is a script, too.
type Script struct {
	Seed uint64
	// Large lets values grow to 1 MiB; without it they end at 16 KiB.
	Large bool
}

// Position is that of entry i: a term lasts a while.
func (s Script) Position(i uint64) engine.Applied {
	return engine.Applied{Index: i, Term: 1 + i/50}
}

// Entry returns the writes of entry i, from 1. Some entries have none.
func (s Script) Entry(i uint64) []Write {
	rng := rand.New(rand.NewPCG(s.Seed, i))
	writes := make([]Write, rng.IntN(6))
	for n := range writes {
		writes[n] = s.write(rng, i)
	}
	return writes
}

func (s Script) write(rng *rand.Rand, i uint64) Write {
	switch rng.IntN(10) {
	case 0:
		return Write{Kind: Delete, Key: randomKey(rng, i)}
	case 1:
		lower, upper := randomKey(rng, i), randomKey(rng, i)
		if rng.IntN(2) == 0 { // the front of a stream, as retention does
			lower = []byte{lower[0]}
			upper = chunkKey(lower[0], i-min(i, uint64(rng.IntN(200))))
		}
		return Write{Kind: DeleteRange, Key: lower, Upper: upper}
	default:
		return Write{Kind: Set, Key: randomKey(rng, i), Value: s.value(rng)}
	}
}

// Streams are the first bytes of chunk keys.
const (
	firstStream = 0x10
	streams     = 4
)

// randomKey is a chunk's, which grow, or that of one of few rows.
func randomKey(rng *rand.Rand, i uint64) []byte {
	if rng.IntN(3) == 0 {
		return []byte{engine.MinKey, byte(rng.IntN(32))}
	}
	return chunkKey(firstStream+byte(rng.IntN(streams)), i-min(i, uint64(rng.IntN(10))))
}

func chunkKey(stream byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{stream}, seq)
}

func (s Script) value(rng *rand.Rand) [][]byte {
	sizes := []int{0, 1, 24, 200, 1 << 10, 6 << 10, 16 << 10}
	if s.Large && rng.IntN(4) == 0 {
		sizes = append(sizes, 100<<10, 256<<10, 1<<20)
	}
	parts := make([][]byte, rng.IntN(3))
	for n := range parts {
		parts[n] = RandomBytes(rng, sizes[rng.IntN(len(sizes))])
	}
	return parts
}

// RandomBytes returns n bytes that do not compress.
func RandomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
	}
	return b[:n]
}

// Apply makes the writes of entry i in batch, without sealing them.
func (s Script) Apply(batch engine.Batch, i uint64) {
	for _, w := range s.Entry(i) {
		switch w.Kind {
		case Set:
			batch.Set(w.Key, w.Value...)
		case Delete:
			batch.Delete(w.Key)
		case DeleteRange:
			batch.DeleteRange(w.Key, w.Upper)
		}
	}
}

// Commit applies entries from to to in one batch.
func (s Script) Commit(store engine.Store, from, to uint64) error {
	batch := store.NewBatch()
	defer batch.Close()
	for i := from; i <= to; i++ {
		s.Apply(batch, i)
		batch.Seal(s.Position(i))
	}
	return batch.Commit(s.Position(to))
}
