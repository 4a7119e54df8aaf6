package raftlog

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// segmentFile has raft-wal's own writer make a file of batches of some sizes.
func segmentFile(t testing.TB, limit uint32, sizes ...int) ([]byte, types.SegmentInfo) {
	t.Helper()
	info := types.SegmentInfo{ID: 3, BaseIndex: 10, MinIndex: 10, Codec: codecID, SizeLimit: limit, CreateTime: time.Now()}
	dir := t.TempDir()
	w, err := segment.NewFiler(dir, fs.New()).Create(info)
	if err != nil {
		t.Fatal(err)
	}
	index := info.BaseIndex
	for _, n := range sizes {
		var batch []types.LogEntry
		for range n {
			l := &raft.Log{Index: index, Term: 1, Data: bytes.Repeat([]byte{byte(index)}, int(index)*7%100)}
			var b bytes.Buffer
			if err := errors.Join(stamp([]*raft.Log{l}), new(codec).Encode(l, &b)); err != nil {
				t.Fatal(err)
			}
			batch = append(batch, types.LogEntry{Index: index, Data: b.Bytes()})
			index++
		}
		if err := w.Append(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := fs.New().OpenReader(dir, segmentName(info))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1<<20)
	n, _ := f.ReadAt(b, 0)
	return b[:n], info
}

func TestScanKnowsRaftWALsFiles(t *testing.T) {
	b, info := segmentFile(t, 4096, 1, 2, 3, 4)
	s, err := scanSegment(bytes.NewReader(b), info, func(i uint64, p []byte) error { return checkEntry(i, p, info) })
	if err != nil || s.stop != "" || s.index != 0 || s.last(info) != 19 {
		t.Fatalf("%+v, %v", s, err)
	}
	full, info := segmentFile(t, 900, 8)
	s, err = scanSegment(bytes.NewReader(full), info, nil)
	if err != nil || s.stop != "" || s.index == 0 || s.last(info) != 17 {
		t.Fatalf("%+v, %v", s, err)
	}
	other := info
	other.ID++
	if _, err := scanSegment(bytes.NewReader(full), other, nil); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
}

// What looks like a batch inside of data does not matter while frames lead past
// it, but does where a write was cut short: better rebuilt than wrong.
func TestBatchesInsideData(t *testing.T) {
	inner, info := segmentFile(t, 4096, 2, 2)
	l := &raft.Log{Index: 10, Data: append(make([]byte, 3), inner[:600]...)} // 8+36+9+3: aligned
	dir := t.TempDir()
	open := func() *Log {
		log, err := Open(Config{Dir: dir, SegmentBytes: 64 << 10, CacheBytes: -1})
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	log := open()
	if err := errors.Join(log.StoreLog(l), log.Close()); err != nil {
		t.Fatal(err)
	}
	log = open()
	var got raft.Log
	if err := errors.Join(log.GetLog(10, &got), log.Close()); err != nil || !bytes.Equal(got.Data, l.Data) {
		t.Fatal(err)
	}
	cut := append(bytes.Repeat([]byte{1}, headerLen+8), inner[headerLen:]...)
	s, err := scanSegment(bytes.NewReader(cut), info, nil)
	if err != nil || s.stop == "" {
		t.Fatal(s, err)
	}
	if reason, err := tornOrDamaged(bytes.NewReader(cut), s); reason == "" || err != nil {
		t.Fatal(reason, err)
	}
}

// The search gives up on data made to keep it busy, and says damage.
func TestSearchIsBounded(t *testing.T) {
	b := make([]byte, 1<<20)
	for at := 0; at < len(b); at += 8 {
		copy(b[at:], []byte{kindCommit, 0, 0, 0, 1, 2, 3, byte(at)})
	}
	for at := headerLen; at+64 < len(b); at += 4096 {
		copy(b[at:], []byte{kindEntry, 0, 0, 0, 40})
	}
	s := scanned{stop: "test", dataEnd: int64(len(b))}
	if reason, err := tornOrDamaged(bytes.NewReader(b), s); reason == "" || err != nil {
		t.Fatal(reason, err)
	}
}

func FuzzScanSegment(f *testing.F) {
	file, info := segmentFile(f, 2048, 1, 3, 2)
	f.Add(file)
	full, _ := segmentFile(f, 900, 8)
	f.Add(full)
	f.Add(file[:300])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		count := 0
		s, err := scanSegment(r, info, func(i uint64, p []byte) error {
			count++
			return checkEntry(i, p, info)
		})
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if s.end > int64(len(b)) || s.dataEnd > int64(len(b)) || s.end > s.dataEnd || len(s.offsets) > count {
			t.Fatalf("%+v of %d bytes", s, len(b))
		}
		if (s.stop == "") != (s.end == s.dataEnd) {
			t.Fatalf("%+v", s)
		}
		for i, at := range s.offsets { // each is a frame with the right entry
			head, reason := parseFrame(b[at:])
			if reason != "" || head.kind != kindEntry {
				t.Fatal(i, reason)
			}
			if err := checkEntry(info.BaseIndex+uint64(i), b[at+frameLen:at+frameLen+head.len], info); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tornOrDamaged(r, s); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	l := &raft.Log{Index: 1, Term: 2, Type: 3, Data: []byte("data"), AppendedAt: time.Unix(0, 5)}
	var b bytes.Buffer
	if err := errors.Join(stamp([]*raft.Log{l}), new(codec).Encode(l, &b)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		var l raft.Log
		if err := new(codec).Decode(in, &l); err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		var again bytes.Buffer
		if err := new(codec).Encode(&l, &again); err != nil {
			t.Fatal(err)
		}
		if back := (raft.Log{}); new(codec).Decode(again.Bytes(), &back) != nil || back.Index != l.Index || !bytes.Equal(back.Data, l.Data) {
			t.Fatal(back, l)
		}
	})
}

func FuzzMeta(f *testing.F) {
	b, err := encodeMeta(metaContent{Stable: map[string][]byte{"a": {1}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := decodeMeta(in, "f"); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
}

func TestCacheAgainstAMap(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	c, want := newCache(5000), map[uint64]int{}
	last := uint64(0)
	for range 5000 {
		switch rnd.IntN(10) {
		case 0:
			from := last - min(last, rnd.Uint64N(20))
			c.drop(from, last)
			for ; last > 0 && last >= from; last-- {
				delete(want, last)
			}
		case 1:
			c.drop(0, last-min(last, 10))
		default:
			last++
			n := rnd.IntN(1000)
			c.add([]*raft.Log{{Index: last, Data: make([]byte, n)}})
			want[last] = n
		}
		hits, sum := 0, 0
		for i := last - min(last, 60); i <= last+1; i++ {
			var got raft.Log
			if c.get(i, &got) {
				hits++
				sum += cost(&got)
				if n, ok := want[i]; !ok || got.Index != i || len(got.Data) != n {
					t.Fatal(i, got.Index, len(got.Data), n)
				}
			}
		}
		if hits != c.n || sum != c.bytes || sum > c.max {
			t.Fatal(hits, c.n, sum, c.bytes)
		}
	}
}

func TestSizesAgainstAMap(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	var s sizes
	want := map[uint64]uint64{}
	first, last := uint64(1), uint64(0)
	check := func(i uint64) {
		sum := uint64(0)
		for j := i + 1; j <= last; j++ {
			sum += want[j]
		}
		// Each cut of the end adds what was guessed there.
		if got := s.since(i); got > sum+4*sizeGrain || sum > got+4*sizeGrain {
			t.Fatalf("%d bytes after %d, want about %d", got, i, sum)
		}
	}
	for range 3000 {
		switch {
		case rnd.IntN(300) == 0 && last > first+10:
			last -= 5
			s.dropBack(last + 1)
		case rnd.IntN(100) == 0 && last > first+10:
			first += 1 + rnd.Uint64N(last-first)
			s.dropFront(first - 1)
		}
		last++
		want[last] = 1 + rnd.Uint64N(20000)
		s.add(last, int(want[last]))
		check(first - 1 + rnd.Uint64N(last-first+2))
		n := rnd.Uint64N(1 << 20)
		if i := s.trailing(n); s.since(i) > n || i >= first && s.since(i-1) <= n {
			t.Fatalf("trailing %d is %d: %d and %d", n, i, s.since(i), s.since(i-1))
		}
	}
	if s.since(last) != 0 || s.since(last+5) != 0 {
		t.Fatal(s.since(last))
	}
}

func TestCodecStopsReading(t *testing.T) {
	c, ran := &codec{}, false
	c.shutdown(ErrLate)
	c.whileOpen(func() { ran = true })
	if err := c.Encode(&raft.Log{}, new(bytes.Buffer)); !errors.Is(err, ErrLate) || ran {
		t.Fatal(err, ran)
	}
}
