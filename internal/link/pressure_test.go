package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/internal/wire"
)

// small makes queues that fill quickly. gRPC itself takes a few megabytes more.
func small(c *Config) { c.LaneBytes = 256 << 10 }

var kilobytes = strings.Repeat("x", 16<<10)

// flood sends until the first drop and returns how many events were taken.
func flood(n, to *testNode, lane uint32, topic string) (taken int) {
	for n.send(to, lane, topic, kilobytes) {
		taken++
	}
	return taken
}

// A paused machine: the sender waits 250 ms once, then drops at once, counts
// per topic, and tells the count in place when the machine wakes.
func TestStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t, small)
		c := startNode(t, nw, 3, 1, small)
		a.add(c)
		a.awaitUp(c)

		nw.Pause(b.ip)
		began := time.Now()
		taken := flood(a, b, 1, "topic:x")
		if d := time.Since(began); d < 240*time.Millisecond || d > 260*time.Millisecond {
			t.Fatalf("waited %v", d)
		}
		if a.state(b).Phase != PhaseStalled || a.state(c).Phase != PhaseUp {
			t.Fatal(a.links.States())
		}
		began = time.Now()
		for range 99 {
			a.send(b, 1, "topic:x", kilobytes)
		}
		for range 50 {
			a.send(b, 1, "topic:y", kilobytes)
		}
		a.send(c, 1, "topic:x", "to the other")
		if d := time.Since(began); d > time.Millisecond {
			t.Fatalf("dropping took %v", d)
		}
		eventually(t, 100*time.Millisecond, func() bool { return len(c.with("event")) == 1 })

		nw.Resume(b.ip)
		eventually(t, time.Second, func() bool { return a.state(b).Phase == PhaseUp })
		a.send(b, 1, "topic:x", "after")
		eventually(t, time.Second, func() bool { return len(b.with("event n1#1 topic:x after")) == 1 })
		lines := b.all()
		if len(lines) != taken+3 {
			t.Fatalf("%d lines, %d events taken", len(lines), taken)
		}
		told := strings.Join(lines[taken:taken+2], ",")
		if !strings.Contains(told, "dropped n1#1 topic:x 100") || !strings.Contains(told, "dropped n1#1 topic:y 50") {
			t.Fatal(told)
		}
		if a.state(b).Dropped != 150 {
			t.Fatal(a.state(b).Dropped)
		}
	})
}

// One busy lane of a stopped machine does not count as progress of another: a
// publisher on each lane waits 250 ms once, and not longer.
func TestStallIsPerLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t, small)
		nw.Pause(b.ip)
		stop := make(chan struct{})
		trickled := make(chan struct{})
		go func() {
			defer close(trickled)
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					a.send(b, 2, "topic:slow", "x")
				}
			}
		}()
		time.Sleep(time.Second)
		began := time.Now()
		flood(a, b, 1, "topic:x")
		if d := time.Since(began); d > 260*time.Millisecond {
			t.Errorf("waited %v", d)
		}
		close(stop)
		<-trickled
		nw.Resume(b.ip)
	})
}

// A receiver that blocks (policy block) holds its publisher up for as long as
// it says so, and nothing is lost.
func TestBlockedReceiverIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t, small)
		release := b.blockFrames()
		const events = 1000
		var sent, refused atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range events {
				if !a.send(b, 1, "topic:x", fmt.Sprint(i, " ", kilobytes)) {
					refused.Add(1)
				}
				sent.Add(1)
			}
		}()
		time.Sleep(10 * time.Second)
		if n := sent.Load(); n == events || n == 0 {
			t.Fatalf("%d sent while the receiver blocks", n)
		}
		if a.state(b).Phase != PhaseUp {
			t.Fatal(a.state(b).Phase)
		}
		release()
		<-done
		eventually(t, time.Second, func() bool { return len(b.with("event")) == events })
		if refused.Load() > 0 || a.state(b).Dropped > 0 {
			t.Fatal("dropped ", refused.Load(), a.state(b).Dropped)
		}
	})
}

// A burst after a rest waits for room; it is not taken for a stall.
func TestBurstAfterRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t, func(c *Config) { c.LaneBytes = 20 << 10 })
		for range 20 {
			time.Sleep(10 * time.Second)
			for range 10 {
				if !a.send(b, 0, "topic:x", kilobytes) {
					t.Fatal("dropped")
				}
			}
		}
	})
}

// A link that never came up holds no caller up: events wait in the queue for
// 250 ms after Add, then they are dropped, and the peer is told when it comes.
func TestNeverUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw := memnet.New(memnet.Config{})
		t.Cleanup(nw.Close)
		a := startNode(t, nw, 1, 1, small)
		ref := eventnode.NodeRef{ID: "n2", Epoch: 1}
		nw.Partition([]string{"10.0.0.1"}, []string{"10.0.0.2"})
		a.links.Add(ref, "10.0.0.2:7401")
		b := startNode(t, nw, 2, 1, small)
		began := time.Now()
		taken := flood(a, b, 0, "topic:x")
		if time.Since(began) > 0 || taken != 15 {
			t.Fatal(time.Since(began), taken)
		}
		time.Sleep(251 * time.Millisecond)
		if a.send(b, 0, "topic:x", "late") || time.Since(began) > 251*time.Millisecond {
			t.Fatal("taken, or waited")
		}
		if s := a.state(b); s.Dropped != 17 || s.QueuedBytes != 0 || s.Phase != PhaseConnecting {
			t.Fatalf("%+v", s)
		}
		nw.Heal()
		eventually(t, 10*time.Second, func() bool { return len(b.all()) == 1 })
		wantLines(t, b.all(), "dropped n1#1 topic:x 17")
	})
}

// Events dispatched while a link is dialled again, if it takes no longer than
// 250 ms, are not lost.
func TestQueueSurvivesQuickRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		time.Sleep(2 * time.Second)
		a.breakLinks()
		eventually(t, time.Second, func() bool { return a.links.peer(b.ref).gen.Load() == nil || a.state(b).Generation > 1 })
		for i := range 10 {
			a.send(b, 0, "topic:x", fmt.Sprint(i))
		}
		a.awaitUp(b)
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 10 })
		wantLines(t, b.with("gap"))
		wantLines(t, a.all(), "up n2#1", "down n2#1", "up n2#1")
	})
}

// While a link is down for longer, what waits is dropped, counted, and told.
func TestDownDropsAndTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t)
		nw.Partition([]string{a.ip}, []string{b.ip})
		a.breakLinks()
		eventually(t, time.Second, func() bool { return a.state(b).Phase == PhaseDown })
		for range 10 {
			a.send(b, 0, "topic:x", "x")
		}
		time.Sleep(time.Second)
		for range 5 {
			a.send(b, 0, "topic:y", "y")
		}
		if d := a.state(b).Dropped; d != 15 {
			t.Fatal(d)
		}
		nw.Heal()
		a.awaitUp(b)
		a.send(b, 0, "topic:x", "after")
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 1 })
		lines := b.all()
		if len(lines) != 3 || lines[2] != "event n1#1 topic:x after" {
			t.Fatal(lines)
		}
	})
}

// Whoever waits for a full lane when its link is lost for good waits no longer
// than StallTimeout, and nothing is queued after that.
func TestWaiterOfLostLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t, small)
		release := b.blockFrames()
		defer release()
		returned := make(chan time.Time)
		go func() {
			flood(a, b, 0, "topic:x")
			returned <- time.Now()
		}()
		time.Sleep(5 * time.Second)
		nw.Partition([]string{a.ip}, []string{b.ip})
		a.breakLinks()
		began := time.Now()
		if d := (<-returned).Sub(began); d < 150*time.Millisecond || d > 300*time.Millisecond {
			t.Fatal(d)
		}
		time.Sleep(time.Second)
		if s := a.state(b); s.QueuedBytes != 0 || s.Phase != PhaseDown {
			t.Fatalf("%+v", s)
		}
	})
}

// The list of topics in a notice is bounded; the rest is told together.
func TestDropTopicsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw := memnet.New(memnet.Config{})
		t.Cleanup(nw.Close)
		few := func(c *Config) { c.MaxDropTopics = 3 }
		a := startNode(t, nw, 1, 1, few)
		a.links.Add(eventnode.NodeRef{ID: "n2", Epoch: 1}, "10.0.0.2:7401")
		time.Sleep(time.Second)
		for i := range 10 {
			for range 2 {
				topic := fmt.Sprintf("topic:%d", i)
				a.links.Send(t.Context(), eventnode.NodeRef{ID: "n2", Epoch: 1}, 0, topic, wire.Piece{Data: record(topic, "x")}, 1)
			}
		}
		b := startNode(t, nw, 2, 1)
		eventually(t, 10*time.Second, func() bool { return len(b.all()) == 4 })
		if got := b.with("dropped-any"); len(got) != 1 || got[0] != "dropped-any n1#1 14" {
			t.Fatal(b.all())
		}
	})
}

// A caller's context ends its wait.
func TestSendContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t, small)
		release := b.blockFrames()
		defer release()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		for a.links.Send(ctx, b.ref, 0, "topic:x", wire.Piece{Data: record("topic:x", kilobytes)}, 1) {
		}
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || time.Since(began) > 2*time.Second+time.Millisecond {
			t.Fatal(ctx.Err(), time.Since(began))
		}
	})
}

// A run over the size of a message is dropped, and does not break the link.
func TestOversizeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		if a.links.Send(t.Context(), b.ref, 0, "topic:x", wire.Piece{Data: make([]byte, MaxMessageBytes)}, 3) {
			t.Fatal("taken")
		}
		big := strings.Repeat("y", 5<<20) // over the lane's bound, but alone
		if !a.send(b, 0, "topic:x", big) {
			t.Fatal("not taken")
		}
		eventually(t, time.Second, func() bool { return len(b.all()) == 2 })
		wantLines(t, b.all(), "dropped n1#1 topic:x 3", "event n1#1 topic:x "+big)
	})
}

// Bytes that are no envelopes end the link, with a gap: nobody knows what the
// rest of the frame was. The link comes back by itself.
func TestMalformedEnvelopesEndTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		generation := a.state(b).Generation
		if !a.links.Send(t.Context(), b.ref, 0, "topic:x", wire.Piece{Data: []byte{0x7a, 1, 0xff}}, 1) {
			t.Fatal("not taken")
		}
		eventually(t, 5*time.Second, func() bool {
			s := a.state(b)
			return s.Phase == PhaseUp && s.Generation > generation
		})
		a.send(b, 0, "topic:x", "after")
		eventually(t, time.Second, func() bool { return len(b.all()) == 2 })
		wantLines(t, b.all(), "gap n1#1 link_lost", "event n1#1 topic:x after")
	})
}
