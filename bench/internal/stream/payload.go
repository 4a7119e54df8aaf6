package stream

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"

	"github.com/eventnode/eventnode/bench/internal/load"
)

// Data begins with a checksum over the rest, the publisher (4 bytes each) and the
// number (8 bytes), little endian. The rest is random: nothing can compress it.

// HeadBytes is the least size of an event's data.
const HeadBytes = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// source makes the data of one publisher's events.
type source struct {
	publisher uint32
	next      uint64
	random    *rand.ChaCha8
	data      []byte
}

// newSource makes a source of events of a size. Its randomness is seeded by the
// publisher: no run depends on it.
func newSource(publisher, size int) *source {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(publisher)+1)
	return &source{publisher: uint32(publisher), random: rand.NewChaCha8(seed), data: make([]byte, max(size, HeadBytes))}
}

// event returns the data of the next event, which is valid until the call after.
func (s *source) event() []byte {
	_, _ = s.random.Read(s.data[HeadBytes:]) // never fails
	binary.LittleEndian.PutUint32(s.data[4:], s.publisher)
	binary.LittleEndian.PutUint64(s.data[8:], s.next)
	binary.LittleEndian.PutUint32(s.data, crc32.Checksum(s.data[4:], castagnoli))
	s.next++
	return s.data
}

// judge judges all events of a stream.
type judge struct {
	checkers []load.Checker // by publisher
	strange  uint64
}

func newJudge(first []uint64) *judge {
	j := &judge{checkers: make([]load.Checker, len(first))}
	for i, n := range first {
		j.checkers[i].Begin(n)
	}
	return j
}

// see takes the data of the next event.
func (j *judge) see(data []byte) {
	if len(data) < HeadBytes || binary.LittleEndian.Uint32(data) != crc32.Checksum(data[4:], castagnoli) {
		j.strange++
		return
	}
	publisher := binary.LittleEndian.Uint32(data[4:])
	if int(publisher) >= len(j.checkers) {
		j.strange++
		return
	}
	j.checkers[publisher].Number(binary.LittleEndian.Uint64(data[8:]))
}

// end judges against how many each publisher published.
func (j *judge) end(published []uint64) load.Wrong {
	w := load.Wrong{Strange: j.strange}
	for i := range j.checkers {
		w.Add(j.checkers[i].End(published[i]))
	}
	return w
}
