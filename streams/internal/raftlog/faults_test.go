package raftlog_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/raftlog/raftlogtest"
)

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// hang returns a Before that keeps one kind of call waiting until the channel is
// closed.
func hang(op raftlogtest.Op, suffix string, until <-chan struct{}) func(raftlogtest.Op, string) error {
	return func(o raftlogtest.Op, name string) error {
		if o == op && strings.HasSuffix(name, suffix) {
			<-until
		}
		return nil
	}
}

func TestLateWrite(t *testing.T) {
	for _, c := range []struct {
		name   string
		op     raftlogtest.Op
		suffix string
		call   func(l *raftlog.Log) error
	}{
		{"write", raftlogtest.Write, ".wal", func(l *raftlog.Log) error { return l.StoreLogs(entries(11, 5, 100)) }},
		{"fsync", raftlogtest.Sync, ".wal", func(l *raftlog.Log) error { return l.StoreLogs(entries(11, 5, 100)) }},
		{"delete", raftlogtest.Replace, "", func(l *raftlog.Log) error { return l.DeleteRange(1, 5) }},
		{"cut", raftlogtest.Create, ".wal", func(l *raftlog.Log) error { return l.DeleteRange(5, 10) }},
		{"set", raftlogtest.Replace, "", func(l *raftlog.Log) error { return l.SetUint64([]byte("vote"), 1) }},
		{"close", raftlogtest.Replace, "", func(l *raftlog.Log) error { l.Close(); return l.Err() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs, release := raftlogtest.New(raftlog.NewFS()), make(chan struct{})
				cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, WriteDeadline: 3 * time.Second, FS: fs}
				l := open(t, cfg)
				must(t, l.StoreLogs(entries(1, 10, 100)))
				fs.Before(hang(c.op, c.suffix, release))

				begin := time.Now()
				err := c.call(l)
				if !errors.Is(err, raftlog.ErrLate) || errors.Is(err, raftlog.ErrFsync) {
					t.Fatal(err)
				}
				if took := time.Since(begin); took != cfg.WriteDeadline { // virtual
					t.Fatal(took)
				}
				if !isClosed(l.Dead()) || !errors.Is(l.Err(), err) || isClosed(l.Settled()) {
					t.Fatal(isClosed(l.Dead()), l.Err(), isClosed(l.Settled()))
				}
				if c.name != "close" {
					for _, again := range []error{l.StoreLogs(entries(11, 1, 1)), l.DeleteRange(1, 1), l.Set(nil, nil)} {
						if !errors.Is(again, err) {
							t.Fatal(again)
						}
					}
					var got raft.Log
					must(t, l.GetLog(1, &got)) // reads go on
				}
				if err := l.Close(); !errors.Is(err, raftlog.ErrStuck) {
					t.Fatal(err)
				}
				if _, err := raftlog.Open(cfg); !errors.Is(err, raftlog.ErrLocked) {
					t.Fatal(err)
				}

				close(release)
				<-l.Settled()
				fs.Before(nil)
				must(t, l.Close())
				l = open(t, cfg)
				if _, last := bounds(t, l); last != 10 && last != 15 && last != 4 {
					t.Fatal(last)
				}
				must(t, l.Close())
			})
		})
	}
}

// What waits behind a write that is late is not done when that one comes back,
// and nothing reads the entries of a caller that was told to go.
func TestNothingAfterALateWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs, release := raftlogtest.New(raftlog.NewFS()), make(chan struct{})
		cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, FS: fs}
		l := open(t, cfg)
		fs.Before(hang(raftlogtest.Sync, ".wal", release))
		errs := make(chan error, 2)
		logs := [][]*raft.Log{entries(1, 1, 10), entries(2, 1, 10)}
		for _, batch := range logs {
			go func() { errs <- l.StoreLogs(batch) }()
			synctest.Wait()
		}
		for range logs {
			if err := <-errs; !errors.Is(err, raftlog.ErrLate) {
				t.Fatal(err)
			}
		}
		for _, batch := range logs {
			*batch[0] = raft.Log{} // with -race: nobody looks
		}
		close(release)
		<-l.Settled()
		must(t, l.Close())
		l = open(t, cfg)
		wantBounds(t, l, 1, 1)
		wantEntries(t, l, 1, 1, 10)
		must(t, l.Close())
	})
}

func TestFailedWrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		op    raftlogtest.Op
		call  func(l *raftlog.Log) error
		fsync bool
	}{
		{"write", raftlogtest.Write, func(l *raftlog.Log) error { return l.StoreLogs(entries(11, 5, 100)) }, false},
		{"fsync", raftlogtest.Sync, func(l *raftlog.Log) error { return l.StoreLogs(entries(11, 5, 100)) }, true},
		{"create", raftlogtest.Create, func(l *raftlog.Log) error { return l.DeleteRange(5, 10) }, false},
		{"meta", raftlogtest.Replace, func(l *raftlog.Log) error { return l.SetUint64([]byte("vote"), 1) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := raftlogtest.New(raftlog.NewFS())
			cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, FS: fs}
			l := open(t, cfg)
			must(t, l.StoreLogs(entries(1, 10, 100)))
			fs.Before(func(op raftlogtest.Op, _ string) error {
				if op == c.op {
					return syscall.ENOSPC
				}
				return nil
			})
			err := c.call(l)
			if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, raftlog.ErrFsync) != c.fsync {
				t.Fatal(err)
			}
			fs.Before(nil)
			if again := l.StoreLogs(entries(11, 1, 1)); !errors.Is(again, l.Err()) || !errors.Is(again, syscall.ENOSPC) {
				t.Fatal(again)
			}
			<-l.Dead()
			<-l.Settled()
			must(t, l.Close())
			l = open(t, cfg)
			must(t, l.Err())
			first, last := bounds(t, l)
			if first != 1 || last != 10 && last != 15 && last != 4 {
				t.Fatal(first, last)
			}
			wantEntries(t, l, first, last, 100)
			must(t, l.StoreLogs(entries(last+1, 1, 100)), l.Close())
		})
	}
}

// A full segment is closed in the background; raft-wal only logs what fails
// there. And a crash in between leaves a segment that raft-wal alone opens and
// then refuses to write to.
func TestCrashWhileASegmentIsClosed(t *testing.T) {
	for _, op := range []raftlogtest.Op{raftlogtest.Replace, raftlogtest.Create} {
		t.Run(string(op), func(t *testing.T) {
			fs := raftlogtest.New(raftlog.NewFS())
			cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, CacheBytes: -1, FS: fs}
			l := open(t, cfg)
			fs.Before(func(o raftlogtest.Op, _ string) error {
				if o == op {
					return syscall.EIO
				}
				return nil
			})
			must(t, l.StoreLogs(entries(1, 70, 1000)))
			<-l.Dead()
			if err := l.StoreLogs(entries(71, 1, 1000)); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			fs.Before(nil)
			must(t, l.Close())
			for range 2 {
				l = open(t, cfg)
				wantBounds(t, l, 1, 70)
				wantEntries(t, l, 1, 70, 1000)
				must(t, l.Close())
			}
			l = open(t, cfg)
			must(t, l.StoreLogs(entries(71, 70, 1000)))
			wantEntries(t, l, 1, 140, 1000)
			must(t, l.Close())
		})
	}
}

// The next file hangs: nothing that came before fails, and what comes next is
// late and never written.
func TestNextFileHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs, release := raftlogtest.New(raftlog.NewFS()), make(chan struct{})
		cfg := raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, FS: fs}
		l := open(t, cfg)
		fs.Before(hang(raftlogtest.Create, ".wal", release))
		must(t, l.StoreLogs(entries(1, 70, 1000)))
		next := entry(71, 1, 1000)
		if err := l.StoreLog(next); !errors.Is(err, raftlog.ErrLate) {
			t.Fatal(err)
		}
		*next = raft.Log{}
		if err := l.Close(); !errors.Is(err, raftlog.ErrStuck) || isClosed(l.Settled()) {
			t.Fatal(err)
		}
		close(release)
		<-l.Settled()
		must(t, l.Close())
		l = open(t, cfg)
		wantBounds(t, l, 1, 70)
		must(t, l.StoreLogs(entries(71, 1, 1000)))
		wantEntries(t, l, 1, 71, 1000)
		must(t, l.Close())
	})
}
