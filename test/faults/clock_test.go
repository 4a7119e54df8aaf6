package faults_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/test/cluster"
)

// clocks are the wall clocks of nodes in this process, each with an offset.
type clocks map[string]*atomic.Int64

func (c clocks) configure(name string, cfg *node.Config) {
	cfg.Storage.WallClock = func() time.Time { return time.Now().Add(time.Duration(c[name].Load())) }
}

// stamp is the cluster's time, as an event that is published now shows it, and
// between which two moments of this machine it was taken.
func (w *world) stamp() (at, from, to time.Time) {
	w.t.Helper()
	w.Eventually(30*time.Second, func() error {
		ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
		defer cancel()
		from = time.Now()
		p, err := w.Leader(stream).Streams().Publish(ctx, "times", event.New("t", nil))
		at, to = time.UnixMilli(p.MS), time.Now()
		return err
	})
	return at, from, to
}

// A node's wall clock jumps an hour, both ways, while it leads and while it follows,
// and leaders change: nothing expires early, and time does not stand still.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	offsets := clocks{"n1": new(atomic.Int64), "n2": new(atomic.Int64), "n3": new(atomic.Int64)}
	w := start(t, newSeed(t), cluster.Config{Configure: offsets.configure})
	w.Declare("times", eventnode.StreamConfig{})
	w.Declare("short-lived", eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: 20 * time.Minute})
	if _, err := w.Leader(stream).Streams().Publish(t.Context(), "short-lived", event.New("stays", nil)); err != nil {
		t.Fatal(err)
	}
	const tolerated = 5 * time.Minute // far from an hour, and from what a test takes
	for range rounds() {
		for _, jump := range []time.Duration{time.Hour, -time.Hour} {
			leader := w.Leader(stream)
			offsets[leader.Name()].Store(int64(jump))
			w.timeGoesOn(jump, tolerated)
			w.Stop(leader.Name()) // another leads, by its own clock
			w.timeGoesOn(jump, tolerated)
			w.Restart(leader.Name()) // and this one starts with a wrong clock
			other := w.Leader(stream)
			w.Kill(other.Name())
			w.timeGoesOn(jump, tolerated)
			w.Restart(other.Name())
			offsets[leader.Name()].Store(0)
			w.timeGoesOn(jump, tolerated)
		}
	}
	w.Eventually(10*time.Second, func() error {
		info, err := w.Leader(stream).Streams().Info(t.Context(), "short-lived")
		if err == nil && info.Count != 1 {
			t.Errorf("an event of 20 minutes has expired: %+v", info)
		}
		return err
	})
	w.finish()
}

// timeGoesOn checks that the cluster's time is about this machine's, and goes on.
func (w *world) timeGoesOn(jump, tolerated time.Duration) {
	w.t.Helper()
	first, from, before := w.stamp()
	w.waitFor(400 * time.Millisecond)
	second, after, to := w.stamp()
	if first.Sub(from).Abs() > tolerated || second.Sub(to).Abs() > tolerated {
		w.t.Errorf("after a jump of %v the cluster's time is %v and %v ahead", jump, first.Sub(from), second.Sub(to))
	}
	// At least so much time has passed between the two, however long an ack took.
	if went, passed := second.Sub(first), after.Sub(before); went < passed-passed/2 {
		w.t.Errorf("after a jump of %v the cluster's time stands still: it went on by %v in %v", jump, went, passed)
	}
}
