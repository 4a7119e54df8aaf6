package faults_test

import (
	"testing"

	"github.com/eventnode/eventnode/test/cluster"
)

// beginInMemory starts three nodes in this process, each with a disk in memory.
func beginInMemory(t *testing.T) (*world, *disks) {
	t.Helper()
	d := newDisks("n1", "n2", "n3")
	return start(t, newSeed(t), cluster.Config{Configure: d.configure}), d
}

// losePower cuts the power of some nodes, at the same moment for the world outside:
// nothing leaves them any more, and of what their disks were not told to make durable
// some is lost. They stay off.
func (w *world) losePower(d *disks, names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.Unplug(name)
	}
	// 0: all that was not fsynced is lost; else each block of it with some odds.
	percent := []int{0, 0, 50, 90}[w.rnd.IntN(4)]
	after := map[string]*disk{}
	for _, name := range names {
		after[name] = d.get(name).afterPowerLoss(percent, w.rnd)
	}
	for _, name := range names {
		w.Kill(name) // what it still does goes to a disk that nobody looks at again
		d.set(name, after[name])
	}
}

// One node loses power.
func TestPowerLossOfOne(t *testing.T) {
	t.Parallel()
	w, d := beginInMemory(t)
	for i := range 2 * rounds() {
		name := w.Leader(stream).Name()
		if i%2 == 1 {
			name = w.Followers(stream)[0].Name()
		}
		w.losePower(d, name)
		w.progress("without the one that lost power")
		w.Restart(name)
	}
	w.finish()
}

// All nodes lose power at once: what was acked is on a majority of disks.
func TestPowerLossOfAll(t *testing.T) {
	t.Parallel()
	w, d := beginInMemory(t)
	for range 3 * rounds() {
		w.losePower(d, "n1", "n2", "n3")
		for _, name := range []string{"n1", "n2", "n3"} {
			w.Restart(name)
		}
		w.progress("after all had lost power")
	}
	w.finish()
}

// One node loses power while another is paused: of the three one is left, and there
// is no majority until one of them is back.
func TestPowerLossWhilePaused(t *testing.T) {
	t.Parallel()
	w, d := beginInMemory(t)
	for range rounds() {
		leader := w.Leader(stream).Name()
		others := w.others(leader)
		w.Pause(others[0])
		w.progress("while a follower is paused")
		w.losePower(d, leader)
		w.Resume(others[0])
		w.progress("when it woke, and the leader had lost power")
		w.Restart(leader)
	}
	w.finish()
}
