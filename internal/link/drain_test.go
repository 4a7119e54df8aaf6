package link

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Drain sends all, says goodbye, and its node's end is no loss then.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t)
		a.links.Add(eventnode.NodeRef{ID: "n9", Epoch: 1}, "10.0.0.9:7401") // never up: not waited for
		a.links.SetPublishing()
		for i := range 1000 {
			a.send(b, uint32(i), "topic:x", fmt.Sprint(i))
		}
		a.links.SendExchange(b.ref, hash(1))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		a.links.Drain(ctx)
		if d := time.Since(began); d > 200*time.Millisecond {
			t.Errorf("took %v", d)
		}
		if len(b.with("event")) != 1000 || len(b.with("exchange")) != 1 {
			t.Fatal(len(b.with("event")))
		}
		lines := b.all()
		if lines[len(lines)-1] != "goodbye n1#1" {
			t.Fatal(lines[len(lines)-1])
		}
		a.end()
		nw.Crash(a.ip)
		b.links.Remove(a.ref, true)
		wantLines(t, b.with("gap"))
	})
}

// Drain gives up with its context.
func TestDrainGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		release := b.blockFrames()
		defer release()
		a.send(b, 0, "topic:x", "x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		a.links.Drain(ctx)
		if d := time.Since(began); d != time.Second {
			t.Fatal(d)
		}
	})
}

// The control queue is bounded, and never blocks.
func TestExchangeQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t, func(c *Config) { c.ControlQueue = 10 })
		if a.links.SendExchange(eventnode.NodeRef{ID: "nobody"}, hash(1)) {
			t.Fatal("taken for nobody")
		}
		nw.Pause(b.ip)
		big := exchange(&clusterv1.Exchange{Message: &clusterv1.Exchange_Sync{Sync: &clusterv1.Sync{Scope: kilobytes}}})
		n := 0
		for ; a.links.SendExchange(b.ref, big); n++ {
			synctest.Wait()
		}
		if n < 10 {
			t.Fatal(n)
		}
		nw.Resume(b.ip)
		eventually(t, time.Second, func() bool { return len(b.with("exchange")) == n })
		a.breakLinks()
		eventually(t, time.Second, func() bool { return len(a.with("down")) == 1 })
	})
}

// The answers to tracked envelopes.
func TestTrack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t, func(c *Config) { c.MaxTracked = 3 })
		type answer struct {
			reached int
			err     error
		}
		answers := make(chan answer, 10)
		track := func(ctx context.Context, to eventnode.NodeRef) {
			a.links.Track(ctx, to, 0, "topic:x", wire.Audience{}, envelope("topic:x", "tracked"), func(n int, err error) { answers <- answer{n, err} })
		}
		want := func(reached int, target error) {
			t.Helper()
			select {
			case got := <-answers:
				if got.reached != reached || !errors.Is(got.err, target) {
					t.Fatalf("got %+v", got)
				}
			case <-time.After(time.Minute):
				t.Fatal("no answer")
			}
		}
		a.send(b, 0, "topic:x", "before")
		track(t.Context(), b.ref)
		a.send(b, 0, "topic:x", "after")
		want(7, nil)
		eventually(t, time.Second, func() bool { return len(b.all()) == 3 })
		wantLines(t, b.all(), "event n1#1 topic:x before", "event n1#1 topic:x tracked", "event n1#1 topic:x after")

		track(t.Context(), eventnode.NodeRef{ID: "nobody"})
		want(0, eventnode.ErrUnavailable)

		release := b.blockFrames()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		track(ctx, b.ref)
		want(0, context.DeadlineExceeded)
		cancel()
		for range 4 {
			track(t.Context(), b.ref)
		}
		want(0, eventnode.ErrUnavailable) // the fourth is one too many
		synctest.Wait()                   // they are under way
		a.breakLinks()
		for range 3 {
			want(0, eventnode.ErrOutcomeUnknown)
		}
		release()
		a.awaitUp(b)

		nw.Partition([]string{a.ip}, []string{b.ip})
		a.breakLinks()
		eventually(t, time.Second, func() bool { return a.state(b).Phase == PhaseDown })
		track(t.Context(), b.ref)
		want(0, eventnode.ErrUnavailable) // dropped after 250 ms
		select {
		case extra := <-answers:
			t.Fatal("answered twice: ", extra)
		case <-time.After(time.Minute):
		}
		if n := len(a.links.peer(b.ref).tracker.waiting); n != 0 {
			t.Fatal(n, " are still waiting")
		}
	})
}
