package faults_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// A follower is killed and comes back, again and again.
func TestKillFollower(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range 2 * rounds() {
		followers := w.Followers(stream)
		n := followers[w.rnd.IntN(len(followers))]
		w.Kill(n.Name())
		w.progress("without a follower")
		w.waitFor(time.Duration(w.rnd.IntN(500)) * time.Millisecond)
		w.Restart(n.Name())
	}
	w.finish()
}

// The leader is killed, and so is the one after it, and so on.
func TestKillLeaderInALoop(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range 3 * rounds() {
		leader := w.Leader(stream)
		w.Kill(leader.Name())
		w.progress("after the leader was killed")
		w.Restart(leader.Name())
		w.waitFor(time.Duration(w.rnd.IntN(600)) * time.Millisecond)
	}
	w.finish()
}

// While a majority is dead the rest says that nothing was done, and does not hang.
// It serves as soon as there is a majority again.
func TestKillMajority(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range rounds() {
		dead := []string{w.Leader(stream).Name(), w.Followers(stream)[0].Name()}
		w.KillAll(dead...)
		rest := w.Running()[0]
		w.unavailable(rest)
		for _, name := range dead {
			w.Restart(name)
		}
		w.progress("after a majority was killed")
	}
	w.finish()
}

// unavailable waits until a node says that there is no leader, of a publish that is
// not tried again, and counts what it says on the way as outcomes of the load.
func (w *world) unavailable(n *cluster.Node) {
	w.t.Helper()
	impatient := w.dial(n).Streams(client.WithPatience(-1))
	p := &producer{load: w.load, name: "impatient-" + n.Name() + w.load.history.now().String(), streams: impatient, rnd: w.rnd}
	w.Eventually(20*time.Second, func() error {
		switch err := p.publish(1); {
		case err == nil:
			return errors.New("it was published without a majority, or before it was gone")
		case !undone(err):
			return err
		}
		return nil
	})
}

// All nodes are killed at once, in the middle of everything.
func TestKillAll(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range 2 * rounds() {
		w.KillAll()
		for _, name := range []string{"n1", "n2", "n3"} {
			w.Restart(name)
		}
		w.progress("after all were killed")
		w.waitFor(time.Duration(w.rnd.IntN(600)) * time.Millisecond)
	}
	w.finish()
}

// All nodes are killed, and come back at other addresses: they know each other by
// what is in their data directories.
func TestKillAllAndMove(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	w.load.stop() // its clients know the old addresses only
	w.consumers.drain()
	w.KillAll()
	for _, name := range []string{"n1", "n2", "n3"} {
		w.Move(name)
	}
	for _, name := range []string{"n1", "n2", "n3"} {
		w.Restart(name)
	}
	for _, n := range w.Running() {
		w.publishAt(n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := w.Node("n1").Streams().Publish(ctx, "nowhere", event.New("e", nil)); !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Errorf("a stream that was never there: %v", err)
	}
	w.finish()
}
