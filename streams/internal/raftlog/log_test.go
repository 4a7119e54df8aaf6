package raftlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func entry(index, term uint64, n int) *raft.Log {
	rnd := rand.New(rand.NewPCG(index, term))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	return &raft.Log{Index: index, Term: term, Type: raft.LogCommand, Data: data, AppendedAt: time.Unix(1700000000, int64(index))}
}

func entries(from uint64, count, n int) []*raft.Log {
	var out []*raft.Log
	for i := range count {
		out = append(out, entry(from+uint64(i), 1, n))
	}
	return out
}

func open(t testing.TB, cfg raftlog.Config) *raftlog.Log {
	t.Helper()
	l, err := raftlog.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// same reports how two entries differ.
func same(got, want *raft.Log) error {
	switch {
	case got.Index != want.Index || got.Term != want.Term || got.Type != want.Type:
		return fmt.Errorf("got entry %d of term %d and type %v, want %d, %d, %v", got.Index, got.Term, got.Type, want.Index, want.Term, want.Type)
	case !bytes.Equal(got.Data, want.Data):
		return fmt.Errorf("entry %d has other data", got.Index)
	case !got.AppendedAt.Equal(want.AppendedAt):
		return fmt.Errorf("entry %d is of %v, want %v", got.Index, got.AppendedAt, want.AppendedAt)
	case raftlog.Mismatch(got) != "":
		return fmt.Errorf("entry %d: %s", got.Index, raftlog.Mismatch(got))
	}
	return nil
}

func bounds(t testing.TB, l *raftlog.Log) (uint64, uint64) {
	t.Helper()
	first, err1 := l.FirstIndex()
	last, err2 := l.LastIndex()
	must(t, err1, err2)
	return first, last
}

func wantBounds(t testing.TB, l *raftlog.Log, first, last uint64) {
	t.Helper()
	if f, e := bounds(t, l); f != first || e != last {
		t.Fatalf("log is from %d to %d, want %d to %d", f, e, first, last)
	}
}

func wantEntries(t testing.TB, l *raftlog.Log, from, to uint64, n int) {
	t.Helper()
	for i := from; i <= to; i++ {
		var got raft.Log
		must(t, l.GetLog(i, &got))
		must(t, same(&got, entry(i, 1, n)))
	}
}

func TestWhatWasStoredIsThereAfterOpen(t *testing.T) {
	for _, cacheBytes := range []int{-1, 0, 1000} {
		t.Run(fmt.Sprint(cacheBytes), func(t *testing.T) {
			cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, CacheBytes: cacheBytes}
			l := open(t, cfg)
			wantBounds(t, l, 0, 0)
			for i := range uint64(20) {
				must(t, l.StoreLogs(entries(1+10*i, 10, 1000)))
			}
			must(t, l.SetUint64([]byte("CurrentTerm"), 7), l.Set([]byte{0xff}, []byte("vote")))
			for range 2 {
				wantBounds(t, l, 1, 200)
				wantEntries(t, l, 1, 200, 1000)
				if term, err := l.GetUint64([]byte("CurrentTerm")); term != 7 || err != nil {
					t.Fatal(term, err)
				}
				if v, err := l.Get([]byte{0xff}); string(v) != "vote" || err != nil {
					t.Fatal(v, err)
				}
				if v, err := l.Get([]byte("none")); v != nil || err != nil {
					t.Fatal(v, err)
				}
				if err := l.GetLog(201, new(raft.Log)); err != raft.ErrLogNotFound { //nolint:errorlint // raft compares it with ==
					t.Fatal(err)
				}
				if l.Durable() != 200 || l.CheckFloor(200) != nil {
					t.Fatal(l.Durable(), l.CheckFloor(200))
				}
				if err := l.CheckFloor(201); !errors.Is(err, raftlog.ErrBehindFloor) {
					t.Fatal(err)
				}
				must(t, l.Close())
				l = open(t, cfg)
			}
			must(t, l.Close())
		})
	}
}

func TestOneOwner(t *testing.T) {
	cfg := raftlog.Config{Dir: t.TempDir()}
	l := open(t, cfg)
	if _, err := raftlog.Open(cfg); !errors.Is(err, raftlog.ErrLocked) {
		t.Fatal(err)
	}
	must(t, l.Close(), l.Close())
	if err := l.StoreLogs(entries(1, 1, 1)); !errors.Is(err, raftlog.ErrClosed) {
		t.Fatal(err)
	}
	if err := l.GetLog(1, new(raft.Log)); !errors.Is(err, raftlog.ErrClosed) {
		t.Fatal(err)
	}
	must(t, open(t, cfg).Close())
}

func TestRefusedWithoutHarm(t *testing.T) {
	l := open(t, raftlog.Config{Dir: t.TempDir()})
	defer l.Close()
	must(t, l.StoreLogs(entries(5, 3, 10)))
	bad := entry(8, 1, 10)
	must(t, raftlog.Stamp(bad))
	bad.Data[3]++
	unknown := entry(8, 1, 10)
	unknown.Extensions = []byte{9, 1, 2, 3, 4, 5, 6, 7, 8}
	for name, c := range map[string]struct {
		err  error
		call func() error
	}{
		"gap":                {raftlog.ErrNotContiguous, func() error { return l.StoreLog(entry(9, 1, 10)) }},
		"gap inside":         {raftlog.ErrNotContiguous, func() error { return l.StoreLogs([]*raft.Log{entry(8, 1, 10), entry(10, 1, 10)}) }},
		"again":              {raftlog.ErrNotContiguous, func() error { return l.StoreLog(entry(7, 1, 10)) }},
		"delete the middle":  {raftlog.ErrNotContiguous, func() error { return l.DeleteRange(6, 6) }},
		"too large":          {raftlog.ErrTooLarge, func() error { return l.StoreLog(&raft.Log{Index: 8, Data: make([]byte, raftlog.MaxEntry)}) }},
		"changed on the way": {raftlog.ErrDamaged, func() error { return l.StoreLog(bad) }},
		"unknown checksum":   {raftlog.ErrDamaged, func() error { return l.StoreLog(unknown) }},
	} {
		if err := c.call(); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, l.Err(), l.DeleteRange(9, 20), l.DeleteRange(1, 4), l.StoreLog(entry(8, 1, 10)))
	wantBounds(t, l, 5, 8)
	wantEntries(t, l, 5, 8, 10)
}

// raft-wal alone cannot read such a segment after a restart.
func TestEndCutThenOpened(t *testing.T) {
	cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, CacheBytes: -1}
	l := open(t, cfg)
	must(t, l.StoreLogs(entries(1, 20, 1000)), l.DeleteRange(11, 20), l.StoreLogs(entries(11, 5, 500)), l.DeleteRange(13, 15))
	if l.Durable() != 12 {
		t.Fatal(l.Durable())
	}
	for range 2 {
		must(t, l.Close())
		l = open(t, cfg)
		wantBounds(t, l, 1, 12)
		wantEntries(t, l, 1, 10, 1000)
		wantEntries(t, l, 11, 12, 500)
	}
	must(t, l.StoreLogs(entries(13, 100, 1000)), l.DeleteRange(0, 10))
	wantBounds(t, l, 11, 112)
	must(t, l.Close())
}

// raft-wal alone begins a new log at index 1 when the end is cut while it closes
// a full segment.
func TestEndCutWhileASegmentIsClosed(t *testing.T) {
	cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, CacheBytes: -1}
	l := open(t, cfg)
	for range 20 {
		must(t, l.StoreLogs(entries(1, 70, 1000)), l.DeleteRange(41, 70))
		wantBounds(t, l, 1, 40)
		must(t, l.StoreLogs(entries(41, 5, 1000)))
		wantEntries(t, l, 1, 45, 1000)
		must(t, l.DeleteRange(0, 45))
		wantBounds(t, l, 0, 0)
	}
	must(t, l.Close())
}

func TestEmptiedLogTakesAnyIndex(t *testing.T) {
	cfg := raftlog.Config{Dir: t.TempDir()}
	l := open(t, cfg)
	must(t, l.StoreLogs(entries(1, 9, 100)), l.TruncateFront(9))
	wantBounds(t, l, 0, 0)
	must(t, l.Close())
	l = open(t, cfg)
	wantBounds(t, l, 0, 0)
	must(t, l.StoreLogs(entries(5000, 9, 100)))
	must(t, l.Close())
	l = open(t, cfg)
	wantBounds(t, l, 5000, 5008)
	wantEntries(t, l, 5000, 5008, 100)
	must(t, l.Close())
}
