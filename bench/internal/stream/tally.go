package stream

import (
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/eventnode/eventnode/bench/internal/load"
)

// tally judges events that several consumers handle between them: each is to come
// once, and those that share a key in their order.
type tally struct {
	keys  uint64 // how many keys there are, see keyOf; 0: order is no matter
	first []uint64

	mu    sync.Mutex
	seen  [][]uint64          // by publisher, a bit a number
	next  []map[uint64]uint64 // by publisher and key: the least number that may come
	wrong load.Wrong
}

func newTally(first []uint64, keys uint64) *tally {
	t := &tally{keys: keys, first: first, seen: make([][]uint64, len(first)), next: make([]map[uint64]uint64, len(first))}
	for i := range t.next {
		t.next[i] = map[uint64]uint64{}
	}
	return t
}

// see takes the data of events that one consumer handles, in its order.
func (t *tally) see(events [][]byte) {
	good := make([]bool, len(events))
	for i, data := range events { // the dear part, outside
		good[i] = len(data) >= HeadBytes && binary.LittleEndian.Uint32(data) == crc32.Checksum(data[4:], castagnoli)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, data := range events {
		if !good[i] {
			t.wrong.Strange++
			continue
		}
		t.number(int(binary.LittleEndian.Uint32(data[4:])), numberIn(data))
	}
}

// number takes one event. The caller holds mu.
func (t *tally) number(publisher int, n uint64) {
	if publisher >= len(t.first) || n < t.first[publisher] {
		t.wrong.Strange++
		return
	}
	for uint64(len(t.seen[publisher])) <= n/64 {
		t.seen[publisher] = append(t.seen[publisher], 0)
	}
	word, bit := &t.seen[publisher][n/64], uint64(1)<<(n%64)
	if *word&bit != 0 {
		t.wrong.Duplicates++
		return
	}
	*word |= bit
	if t.keys == 0 {
		return
	}
	if key := keyOf(n, t.keys); n < t.next[publisher][key] {
		t.wrong.OutOfOrder++
	} else {
		t.next[publisher][key] = n + 1
	}
}

// end judges against how many each publisher published.
func (t *tally) end(published []uint64) load.Wrong {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.wrong
	for i, all := range published {
		for n := t.first[i]; n < all; n++ {
			if n/64 >= uint64(len(t.seen[i])) || t.seen[i][n/64]&(1<<(n%64)) == 0 {
				w.Lost++
			}
		}
		for n := all; n < 64*uint64(len(t.seen[i])); n++ {
			if t.seen[i][n/64]&(1<<(n%64)) != 0 {
				w.Strange++
			}
		}
	}
	return w
}

// keyOf is the key of the event with a number, one of so many, as if drawn at random
// (the finalizer of SplitMix64, Steele et al. 2014).
func keyOf(n, keys uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return (n ^ n>>31) % keys
}

// numberIn is the number in an event's data.
func numberIn(data []byte) uint64 { return binary.LittleEndian.Uint64(data[8:]) }
