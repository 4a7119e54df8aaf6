package raftlog_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/raftlog/raftlogtest"
)

// What was begun can be read at once, is durable when Await returns, and not before;
// and everything else that is written waits for it.
func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs, release := raftlogtest.New(raftlog.NewFS()), make(chan struct{})
		l := open(t, raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, FS: fs})
		must(t, l.StoreLogs(entries(1, 3, 100)))
		fs.Before(hang(raftlogtest.Sync, ".wal", release))
		must(t, l.Begin(entries(4, 2, 100)))
		must(t, l.Begin(entries(6, 5, 100)))
		if err := l.Begin(entries(12, 1, 100)); !errors.Is(err, raftlog.ErrNotContiguous) {
			t.Errorf("a hole: %v", err)
		}
		wantBounds(t, l, 1, 10)
		for i := uint64(1); i <= 10; i++ {
			var got raft.Log
			must(t, l.GetLog(i, &got))
			if got.Index != i {
				t.Errorf("entry %d is %d", i, got.Index)
			}
		}
		must(t, l.Await(3, nil)) // that was durable before

		give := make(chan struct{})
		ended := map[string]chan error{}
		for name, call := range map[string]func() error{
			"await 4": func() error { return l.Await(4, nil) },
			"give up": func() error { return l.Await(10, give) },
			"set":     func() error { return l.SetUint64([]byte("vote"), 7) },
			"store":   func() error { return l.StoreLogs(entries(11, 1, 100)) },
		} {
			ch := make(chan error, 1)
			ended[name] = ch
			go func() { ch <- call() }()
		}
		close(give)
		synctest.Wait()
		if err := <-ended["give up"]; !errors.Is(err, raftlog.ErrGivenUp) {
			t.Error(err)
		}
		delete(ended, "give up")
		for name, ch := range ended {
			if len(ch) > 0 || l.Durable() != 3 {
				t.Errorf("%s did not wait, %d is durable", name, l.Durable())
			}
		}
		close(release)
		for name, ch := range ended {
			if err := <-ch; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if l.Durable() != 11 {
			t.Errorf("durable up to %d", l.Durable())
		}
		must(t, l.Close())
	})
}

// Nobody is told that what could not be written is there, and the log takes nothing
// more.
func TestBeginFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(release chan struct{}) func(raftlogtest.Op, string) error
		want   error
	}{
		{"fsync fails", func(chan struct{}) func(raftlogtest.Op, string) error {
			return func(op raftlogtest.Op, _ string) error {
				if op == raftlogtest.Sync {
					return errFault
				}
				return nil
			}
		}, raftlog.ErrFsync},
		{"fsync hangs", func(release chan struct{}) func(raftlogtest.Op, string) error {
			return hang(raftlogtest.Sync, ".wal", release)
		}, raftlog.ErrLate},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs, release := raftlogtest.New(raftlog.NewFS()), make(chan struct{})
				l := open(t, raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, WriteDeadline: time.Second, FS: fs})
				must(t, l.StoreLogs(entries(1, 3, 100)))
				fs.Before(c.before(release))
				must(t, l.Begin(entries(4, 2, 100)))
				if err := l.Await(4, nil); !errors.Is(err, c.want) {
					t.Errorf("Await: %v", err)
				}
				<-l.Dead()
				for name, err := range map[string]error{
					"begin": l.Begin(entries(6, 1, 100)), "store": l.StoreLogs(entries(6, 1, 100)), "set": l.SetUint64([]byte("vote"), 1),
				} {
					if !errors.Is(err, c.want) {
						t.Errorf("%s: %v", name, err)
					}
				}
				if l.Durable() != 3 {
					t.Errorf("durable up to %d", l.Durable())
				}
				close(release)
				<-l.Settled()
				_ = l.Close() // of what failed
			})
		})
	}
}
