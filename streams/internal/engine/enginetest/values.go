package enginetest

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// testValues: values may be empty, in parts, and large.
func testValues(t *testing.T, open Open) {
	s := fresh(t, open)
	rng := rand.New(rand.NewPCG(Seed(t), 0))
	want := map[string][]byte{}
	for n, size := range []int{0, 1, 4 << 10, 100 << 10, 1 << 20, 5 << 20} {
		head, body := []byte("head"), RandomBytes(rng, size)
		k, parted := string(key(1, byte(n))), string(key(2, byte(n)))
		want[k], want[parted] = body, append(bytes.Clone(head), body...)
		batch := s.NewBatch()
		batch.Set([]byte(k), body)
		batch.Set([]byte(parted), head, nil, body)
		batch.Set(key(3, byte(n)))
		if batch.Size() < 2*size {
			t.Errorf("size %d of a batch with %d bytes", batch.Size(), 2*size)
		}
		must(t, batch.Commit(at(uint64(n+1))))
		want[string(key(3, byte(n)))] = nil
	}
	for range 2 { // from memory, and from disk
		for k, v := range want {
			must(t, checkGet(s, []byte(k), v, true))
		}
		_, err := s.Flush(t.Context())
		must(t, err)
	}
}

// testDeleteRange: a range ends before its upper key, and one that is empty or
// upside down has nothing in it.
func testDeleteRange(t *testing.T, open Open) {
	for _, c := range []struct {
		lower, upper []byte
		left         string
	}{
		{key(1, 2), key(1, 4), "ade"},
		{key(1), key(2), ""},
		{key(1, 5), key(0xfe, 1), "abcd"},
		{key(1, 3), key(1, 3), "abcde"},
		{key(1, 4), key(1, 2), "abcde"},
		{key(1, 2, 1), key(1, 3, 1), "abde"},
	} {
		s := fresh(t, open)
		letters(t, s)
		batch := s.NewBatch()
		batch.DeleteRange(c.lower, c.upper)
		must(t, batch.Commit(at(2)))
		for range 2 {
			if got := scanned(t, s, nil, nil, engine.Ascending); got != c.left {
				t.Errorf("[%x, %x) leaves %q, want %q", c.lower, c.upper, got, c.left)
			}
			_, err := s.Flush(t.Context())
			must(t, err)
		}
	}
}

// testReverse: a scan backwards sees the same, from the last key below upper.
func testReverse(t *testing.T, open Open) {
	s := fresh(t, open)
	letters(t, s)
	for _, c := range []struct {
		lower, upper []byte
		want         string
	}{
		{nil, nil, "edcba"},
		{key(1, 2), nil, "edcb"},
		{nil, key(1, 3), "ba"},
		{key(1, 2), key(1, 4), "cb"},
		{key(1, 2), key(1, 3, 0), "cb"},
		{key(1, 4), key(1, 2), ""},
		{key(9), nil, ""},
		{nil, []byte{}, ""},
	} {
		if got := scanned(t, s, c.lower, c.upper, engine.Descending); got != c.want {
			t.Errorf("[%x, %x) backwards is %q, want %q", c.lower, c.upper, got, c.want)
		}
	}
	for e, err := range s.Scan(nil, nil, engine.Descending) {
		must(t, err)
		if string(e.Value) != "e" {
			t.Errorf("the last is %q", e.Value)
		}
		break
	}
}
