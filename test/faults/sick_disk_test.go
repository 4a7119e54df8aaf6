package faults_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// An fsync of the leader's log fails: what it covers may be lost though the next one
// succeeds, so the replica ends, with a clear word, and others lead.
func TestFsyncError(t *testing.T) {
	t.Parallel()
	w, d := beginInMemory(t)
	for range rounds() {
		leader := w.Leader(stream)
		w.MayEnd(leader.Name())
		var failed atomic.Bool
		d.get(leader.Name()).fail(func(o op, name string) error {
			if o == opSync && isSegment(name) && failed.CompareAndSwap(false, true) {
				return syscall.EIO
			}
			return nil
		})
		w.Eventually(20*time.Second, func() error {
			if !leader.Ended() {
				return errors.New("the node goes on after an fsync error")
			}
			return nil
		})
		w.clearFsync(leader.Name())
		w.progress("after an fsync error of the leader")
		d.get(leader.Name()).fail(nil)
		w.Kill(leader.Name())
		w.Restart(leader.Name())
	}
	w.finish()
}

// A write of the leader's log fails once: another leads, nothing is half done, and
// the replica takes part again.
func TestWriteError(t *testing.T) {
	t.Parallel()
	w, d := beginInMemory(t)
	for range 2 * rounds() {
		leader := w.Leader(stream)
		var failed atomic.Bool
		d.get(leader.Name()).fail(func(o op, name string) error {
			if o == opWrite && isSegment(name) && failed.CompareAndSwap(false, true) {
				return syscall.EIO
			}
			return nil
		})
		w.Eventually(20*time.Second, func() error {
			if !failed.Load() {
				return errors.New("nothing was written")
			}
			return nil
		})
		w.progress("after a failed write of the leader")
	}
	w.finish()
}

// A write of the leader's log hangs for ten seconds, while it goes on sending
// heartbeats: another leads before that, and the replica takes part again after it.
func TestWriteHangs(t *testing.T) {
	t.Parallel()
	w, d := beginInMemory(t)
	for range rounds() {
		leader := w.Leader(stream)
		release := make(chan struct{})
		var hangs atomic.Bool
		d.get(leader.Name()).fail(func(o op, name string) error {
			if o == opWrite && isSegment(name) {
				hangs.Store(true)
				<-release
			}
			return nil
		})
		w.Eventually(20*time.Second, func() error {
			if !hangs.Load() {
				return errors.New("nothing was written")
			}
			return nil
		})
		time.AfterFunc(10*time.Second, func() {
			d.get(leader.Name()).fail(nil)
			close(release)
		})
		w.progress("while the leader's disk hangs")
		<-release
		w.progress("after the leader's disk hung")
	}
	w.finish()
}

// The disks of all nodes are full, and then they are not: nothing acked is lost, and
// the cluster serves again by itself.
func TestFullDisks(t *testing.T) {
	t.Parallel()
	w, d := beginInMemory(t)
	for range rounds() {
		for _, n := range w.Running() {
			d.get(n.Name()).fail(func(o op, _ string) error {
				if o == opWrite || o == opCreate {
					return syscall.ENOSPC
				}
				return nil
			})
		}
		w.waitFor(3 * time.Second)
		for _, n := range w.Running() {
			d.get(n.Name()).fail(nil)
		}
		w.progress("after the disks had been full")
	}
	w.finish()
}

func (w *world) clearFsync(name string) {
	w.t.Helper()
	log := w.Node(name).Log()
	if !strings.Contains(log[max(0, len(log)-2000):], "fsync") {
		w.t.Errorf("%s ended, and its last words do not say why: %s", name, log[max(0, len(log)-600):])
	}
}
