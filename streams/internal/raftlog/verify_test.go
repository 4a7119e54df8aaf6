package raftlog_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
)

// found is what Verify finds in a log.
func found(t *testing.T, l *raftlog.Log) (v raftlog.Verified, damage []error) {
	t.Helper()
	v, err := l.Verify(func(int) error { return nil }, func(err error) { damage = append(damage, err) })
	must(t, err)
	return v, damage
}

// A log that is sound is read to its end; what is changed below it, in either kind of
// segment or in the list of them, is found and named. The log itself goes on.
func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name string
		file func(full, tail string) string
		how  func([]byte) []byte // nil removes the file
		want []string            // in the error, of which there is one
	}{
		{"sound", func(string, string) string { return "" }, nil, nil},
		{"a full segment flipped", func(full, _ string) string { return full }, flip(header + 2*batch + 500), []string{"entry 9"}},
		{"a full segment's last entry", func(full, _ string) string { return full }, flip(header + inFull*batch - 500), []string{"entry 61"}},
		{"a full segment cut", func(full, _ string) string { return full }, cut(header + 3*batch), []string{"entry 13"}},
		{"a full segment zeroed", func(full, _ string) string { return full }, zero(header+3*batch, header+4*batch), []string{"entry 13"}},
		{"a full segment gone", func(full, _ string) string { return full }, nil, []string{"missing"}},
		{"the tail flipped", func(_, tail string) string { return tail }, flip(header + batch + 500), []string{"entry 69"}},
		{"the tail's last batch gone", func(_, tail string) string { return tail }, cut(header + (sampleLast/4-inFull-1)*batch), []string{"entry 81"}},
		{"the tail gone", func(_, tail string) string { return tail }, nil, []string{"missing"}},
		{"the list flipped", func(string, string) string { return "raftlog.meta" }, flip(100), []string{"raftlog.meta"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, full, tail := sample(t)
			l := open(t, raftlog.Config{Dir: dir, SegmentBytes: 64 << 10, CacheBytes: -1})
			defer func() { _ = l.Close() }()
			file := c.file(full, tail)
			switch {
			case file == "":
			case c.how == nil:
				must(t, os.Remove(filepath.Join(dir, file)))
			default:
				overwrite(t, filepath.Join(dir, file), c.how)
			}
			v, damage := found(t, l)
			if c.want == nil {
				if len(damage) > 0 || v.Entries != sampleLast || v.Bytes < sampleLast*sampleBytes {
					t.Errorf("%+v, %v", v, damage)
				}
				return
			}
			if len(damage) != 1 || !errors.Is(damage[0], raftlog.ErrDamaged) || !strings.Contains(damage[0].Error(), c.want[0]) {
				t.Errorf("%v, want %v", damage, c.want)
			}
			if l.Err() != nil {
				t.Errorf("the log has ended: %v", l.Err())
			}
		})
	}
}

// overwrite changes a file in place, as a disk would: who has it open sees it.
func overwrite(t *testing.T, path string, how func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b = how(b)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(b, 0)
	must(t, err, f.Truncate(int64(len(b))), f.Close())
}

// What happens to a sound log while it is looked at is no damage: entries that come,
// so that the segment that was written to is full; and both ends that go.
func TestVerifyWhileItChanges(t *testing.T) {
	for name, change := range map[string]func(l *raftlog.Log) error{
		"grows": func(l *raftlog.Log) (err error) {
			for i := uint64(201); i <= 400 && err == nil; i += 4 {
				err = l.StoreLogs(entries(i, 4, sampleBytes))
			}
			return err
		},
		"front cut": func(l *raftlog.Log) error { return l.TruncateFront(199) },
		"end cut":   func(l *raftlog.Log) error { return l.DeleteRange(20, 200) },
		"all cut":   func(l *raftlog.Log) error { return l.DeleteRange(1, 200) },
		"begun anew": func(l *raftlog.Log) error {
			return errors.Join(l.DeleteRange(1, 200), l.StoreLogs(entries(500, 4, sampleBytes)))
		},
	} {
		for at := range 8 { // so many pieces were read
			l := open(t, raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10})
			for i := uint64(1); i <= 200; i += 4 {
				must(t, l.StoreLogs(entries(i, 4, sampleBytes)))
			}
			n := 0
			_, err := l.Verify(func(int) error {
				if n++; n == at+1 {
					return change(l)
				}
				return nil
			}, func(err error) { t.Errorf("%s after %d pieces: %v", name, at, err) })
			must(t, err, l.Close())
			if n <= at {
				t.Fatalf("%s: only %d pieces", name, n)
			}
		}
	}
}

// While it is written to, cut at both ends and begun anew, a sound log is sound; and
// an error of step is the end.
func TestVerifyBesideWrites(t *testing.T) {
	l := open(t, raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10})
	defer func() { must(t, l.Close()) }()
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		next := uint64(1)
		for round := 0; ; round++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := l.StoreLogs(entries(next, 8, 700)); err != nil {
				t.Error(err)
				return
			}
			next += 8
			var err error
			switch {
			case round%50 == 49:
				err = l.DeleteRange(next-5, next)
				next -= 5
			case round%70 == 69:
				err = l.TruncateFront(next - 200)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 60 {
		if v, damage := found(t, l); len(damage) > 0 {
			t.Fatalf("%+v, %v", v, damage)
		}
	}
	close(stop)
	writer.Wait()
	enough := errors.New("enough")
	if _, err := l.Verify(func(int) error { return enough }, func(err error) { t.Error(err) }); !errors.Is(err, enough) {
		t.Error(err)
	}
}
