package faults_test

import (
	"testing"
	"time"

	"github.com/eventnode/eventnode/test/cluster"
)

// pauseFor is how long a process is stopped: 1 to 3 s, or up to 30 s where there is
// time.
func (w *world) pauseFor() time.Duration {
	most := 2000
	if long() {
		most = 29000
	}
	return time.Second + time.Duration(w.rnd.IntN(most))*time.Millisecond
}

// The leader is stopped in its tracks: another leads, and the old one serves nothing
// stale when it wakes.
func TestPauseLeader(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range rounds() {
		leader := w.Leader(stream)
		w.Pause(leader.Name())
		pause := w.pauseFor()
		w.progress("while the leader is paused")
		w.waitFor(pause)
		w.Resume(leader.Name())
		w.progress("after the leader woke")
	}
	w.finish()
}

// A follower is stopped: nobody waits for it.
func TestPauseFollower(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range rounds() {
		n := w.Followers(stream)[0]
		w.Pause(n.Name())
		w.progress("while a follower is paused")
		w.waitFor(w.pauseFor())
		w.Resume(n.Name())
		w.progress("after it woke")
	}
	w.finish()
}

// All are stopped for a moment, in turn, so that everybody believes for a while that
// the others are gone.
func TestPauseInTurn(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range 2 * rounds() {
		for _, n := range w.Running() {
			w.Pause(n.Name())
			w.waitFor(time.Duration(300+w.rnd.IntN(700)) * time.Millisecond)
			w.Resume(n.Name())
		}
	}
	w.progress("after all were paused")
	w.finish()
}
