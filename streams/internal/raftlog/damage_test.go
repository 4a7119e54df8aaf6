package raftlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
)

const (
	sampleLast  = 84   // in batches of 4
	sampleBytes = 1000 // an entry
)

// sample makes a log of one full segment and one that is written to, and
// returns the files as they are when the process is killed, and the two names.
func sample(t testing.TB) (dir, full, tail string) {
	t.Helper()
	cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, CacheBytes: -1}
	l := open(t, cfg)
	for i := uint64(1); i <= sampleLast; i += 4 {
		must(t, l.StoreLogs(entries(i, 4, sampleBytes)))
		if i == 1 {
			must(t, l.DeleteRange(1, 2))
		}
	}
	dir = t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(cfg.Dir)), l.Close())
	names, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	must(t, err)
	if len(names) != 2 {
		t.Fatal(names)
	}
	return dir, filepath.Base(names[0]), filepath.Base(names[1])
}

// outcome opens a damaged log. It fails if anything read from it is not what was
// stored, or entries are missing that the floor does not miss. It returns the
// last index, or why the log did not open.
func outcome(t testing.TB, dir string) (uint64, error) {
	t.Helper()
	l, err := raftlog.Open(raftlog.Config{Dir: dir, SegmentBytes: 64 << 10, CacheBytes: -1})
	if err != nil {
		if !errors.Is(err, raftlog.ErrDamaged) {
			t.Fatalf("neither open nor damaged: %v", err)
		}
		return 0, err
	}
	defer l.Close()
	first, last := bounds(t, l)
	if first != 3 && last != 0 {
		t.Fatalf("log begins at %d", first)
	}
	for i := first; i <= last && i > 0; i++ {
		var got raft.Log
		must(t, l.GetLog(i, &got), same(&got, entry(i, 1, sampleBytes)))
	}
	if err := l.CheckFloor(sampleLast); (err == nil) != (last == sampleLast) {
		t.Fatalf("last index is %d, and the floor says %v", last, err)
	}
	return last, nil
}

func change(t testing.TB, path string, how func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, how(b), 0o644))
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 0x10; return b }
}

func cut(at int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:at] }
}

func zero(from, to int) func([]byte) []byte {
	return func(b []byte) []byte { clear(b[from:to]); return b }
}

// In the sample's files a batch is 4 frames of 8+36+9+1000 bytes, padded to 1056,
// and a commit frame of 8: 4232 bytes. The header has 32.
const (
	header = 32
	framed = 1056
	batch  = 4*framed + 8
	inFull = 16 // batches
)

func TestDamage(t *testing.T) {
	damaged := uint64(0)
	dir, full, tail := sample(t)
	tailBatches := sampleLast/4 - inFull
	endOfTail := header + tailBatches*batch
	shorter := uint64(sampleLast - 4)
	for _, c := range []struct {
		name string
		file string
		how  func([]byte) []byte // nil removes the file
		last uint64
	}{
		{"nothing", tail, func(b []byte) []byte { return b }, sampleLast},

		{"full: header", full, flip(9), damaged},
		{"full: frame kind", full, flip(header), damaged},
		{"full: frame reserved", full, flip(header + 1), damaged},
		{"full: frame length", full, flip(header + 4), damaged},
		{"full: entry head", full, flip(header + 8), damaged},
		{"full: entry checksum", full, flip(header + 8 + 40), damaged},
		{"full: payload", full, flip(header + 500), damaged},
		{"full: padding", full, flip(header + framed - 1), damaged},
		{"full: commit kind", full, flip(header + 4*framed), damaged},
		{"full: commit CRC", full, flip(header + 4*framed + 5), damaged},
		{"full: last payload", full, flip(header + inFull*batch - 100), damaged},
		{"full: index", full, flip(header + inFull*batch + 8), damaged},
		{"full: last commit", full, flip(header + inFull*batch + 8 + 64*4 - 3), damaged},
		{"full: after the end", full, flip(65000), damaged},
		{"full: a page of zeros", full, zero(8192, 12288), damaged},
		{"full: cut in the middle", full, cut(30000), damaged},
		{"full: cut to nothing", full, cut(0), damaged},
		{"full: removed", full, nil, damaged},

		{"tail: header", tail, flip(9), damaged},
		{"tail: first frame kind", tail, flip(header), damaged},
		{"tail: frame length", tail, flip(header + framed + 4), damaged},
		{"tail: frame length, beyond the file", tail, flip(header + framed + 6), damaged},
		{"tail: payload", tail, flip(header + 500), damaged},
		{"tail: commit kind", tail, flip(header + 4*framed), damaged},
		{"tail: commit CRC", tail, flip(header + 4*framed + 5), damaged},
		{"tail: last commit kind but one", tail, flip(endOfTail - batch - 8), damaged},
		{"tail: last commit CRC but one", tail, flip(endOfTail - batch - 3), damaged},
		{"tail: last frame kind but one", tail, flip(endOfTail - 2*batch), damaged},
		{"tail: a page of zeros", tail, zero(4096, 8192), damaged},
		{"tail: a page of zeros over a commit", tail, zero(header+4*framed-8, header+4*framed+8), damaged},

		// Of the last batch a lost part is a crash, a changed part is damage.
		{"tail: last payload", tail, flip(endOfTail - 500), damaged},
		{"tail: last commit CRC", tail, flip(endOfTail - 3), damaged},
		{"tail: last commit kind", tail, flip(endOfTail - 8), shorter},
		{"tail: last frame kind", tail, flip(endOfTail - batch), shorter},
		{"tail: last frame length", tail, flip(endOfTail - batch + 5), shorter},
		{"tail: last sectors lost", tail, zero(endOfTail-2000, endOfTail), shorter},
		{"tail: a middle sector lost", tail, zero((endOfTail-2000)&^511, (endOfTail-2000)&^511+512), shorter},
		{"tail: last commit lost", tail, zero(endOfTail-8, endOfTail), shorter},
		{"tail: garbage after the end", tail, flip(endOfTail), sampleLast},

		{"tail: cut in the last batch", tail, cut(endOfTail - 1), shorter},
		{"tail: cut in the middle", tail, cut(header + 2*batch + 7), 64 + 8},
		{"tail: cut after a batch", tail, cut(header + 3*batch), 64 + 12},
		{"tail: cut in the header", tail, cut(7), 64},
		{"tail: cut to nothing", tail, cut(0), 64},
		{"tail: removed", tail, nil, 64},

		{"meta: magic", raftlog.MetaName, flip(0), damaged},
		{"meta: checksum", raftlog.MetaName, flip(9), damaged},
		{"meta: content", raftlog.MetaName, flip(40), damaged},
		{"meta: cut", raftlog.MetaName, cut(100), damaged},
		{"meta: cut to nothing", raftlog.MetaName, cut(0), damaged},
		{"meta: removed", raftlog.MetaName, nil, damaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := t.TempDir()
			must(t, os.CopyFS(to, os.DirFS(dir)))
			path := filepath.Join(to, c.file)
			if c.how == nil {
				must(t, os.Remove(path))
			} else {
				change(t, path, c.how)
			}
			last, err := outcome(t, to)
			t.Log(err)
			if last != c.last || (err != nil) != (c.last == damaged) {
				t.Fatalf("log ends at %d, want %d: %v", last, c.last, err)
			}
		})
	}
}

// After a clean end the tail's end is in the meta file, so that even a log
// without peers notices a cut.
func TestCutAfterACleanEnd(t *testing.T) {
	cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10}
	l := open(t, cfg)
	must(t, l.StoreLogs(entries(1, 4, sampleBytes)), l.StoreLogs(entries(5, 4, sampleBytes)), l.Close())
	names, _ := filepath.Glob(filepath.Join(cfg.Dir, "*.wal"))
	change(t, names[0], cut(header+batch))
	if _, err := raftlog.Open(cfg); !errors.Is(err, raftlog.ErrDamaged) {
		t.Fatal(err)
	}
	must(t, os.Remove(names[0]))
	if _, err := raftlog.Open(cfg); !errors.Is(err, raftlog.ErrDamaged) {
		t.Fatal(err)
	}
}

func TestOldMetaPutBack(t *testing.T) {
	cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10}
	l := open(t, cfg)
	old, err := os.ReadFile(filepath.Join(cfg.Dir, raftlog.MetaName))
	must(t, err, l.StoreLogs(entries(1, 100, sampleBytes)), l.StoreLogs(entries(101, 100, sampleBytes)),
		l.StoreLogs(entries(201, 1, sampleBytes)), l.Close())
	change(t, filepath.Join(cfg.Dir, raftlog.MetaName), func([]byte) []byte { return old })
	before, _ := filepath.Glob(filepath.Join(cfg.Dir, "*.wal"))
	if _, err := raftlog.Open(cfg); !errors.Is(err, raftlog.ErrDamaged) {
		t.Fatal(err)
	}
	// raft-wal alone deletes the segments that the list does not know.
	if after, _ := filepath.Glob(filepath.Join(cfg.Dir, "*.wal")); len(before) != 3 || len(after) != 3 {
		t.Fatal(before, after)
	}
}

// TestAnyByte flips bytes anywhere: nothing that was not stored is ever read.
func TestAnyByte(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	dir, full, tail := sample(t)
	to := t.TempDir()
	tries := 60
	if testing.Short() {
		tries = 20
	}
	refused := 0
	for _, name := range []string{full, tail, raftlog.MetaName} {
		for range tries {
			must(t, os.RemoveAll(to), os.CopyFS(to, os.DirFS(dir)))
			b, err := os.ReadFile(filepath.Join(to, name))
			must(t, err)
			at, bit := rnd.IntN(len(b)), byte(1)<<rnd.IntN(8)
			change(t, filepath.Join(to, name), func(b []byte) []byte { b[at] ^= bit; return b })
			last, err := outcome(t, to)
			if err != nil {
				refused++
			}
			if name != tail && err == nil {
				t.Fatalf("%s opened with bit %x of byte %d flipped, until %d", name, bit, at, last)
			}
		}
	}
	t.Logf("%d of %d refused", refused, 3*tries)
}

// TestFlippedWhileOpen changes the files under a log that is open.
func TestFlippedWhileOpen(t *testing.T) {
	dir, full, tail := sample(t)
	for name, at := range map[string]int{
		full: header + framed*2 + 900, tail: header + 900,
	} {
		for _, what := range []struct {
			name string
			at   int
		}{
			{"payload", at}, {"entry index", at - 892}, {"entry time", at - 892 + 16},
			{"checksum", at - 892 + 40}, {"entry head checksum", at - 892 + 32}, {"data length", at - 892 + 24},
		} {
			t.Run(fmt.Sprintf("%s in %s", what.name, name), func(t *testing.T) {
				to := t.TempDir()
				must(t, os.CopyFS(to, os.DirFS(dir)))
				l := open(t, raftlog.Config{Dir: to, SegmentBytes: 64 << 10, CacheBytes: -1})
				defer l.Close()
				change(t, filepath.Join(to, name), flip(what.at))
				index := uint64(3)
				if name == tail {
					index = 65
				}
				got := raft.Log{Data: []byte("untouched")}
				err := l.GetLog(index, &got)
				var damage *raftlog.DamageError
				if !errors.As(err, &damage) || damage.Index != index || !bytes.Equal(got.Data, []byte("untouched")) {
					t.Fatalf("got %v", err)
				}
				<-l.Dead()
				if err := l.StoreLogs(entries(sampleLast+1, 1, 10)); !errors.Is(err, raftlog.ErrDamaged) {
					t.Fatal(err)
				}
			})
		}
	}
}
