package link

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/internal/wire"
)

// A link that breaks with nothing under way costs nobody a notice.
func TestNoGapWithoutLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		for round := range 5 {
			for i := range 10 {
				a.send(b, uint32(i), "topic:x", "x")
			}
			eventually(t, time.Second, func() bool { return len(b.with("event")) == 10*(round+1) })
			a.breakLinks()
			eventually(t, 10*time.Second, func() bool { return a.state(b).Generation > uint64(round+1) })
		}
		wantLines(t, b.with("gap"))
	})
}

// Frames that were under way when a link broke are told once, before anything
// that was sent after them, and are never sent again.
func TestLostFramesAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		a.send(b, 0, "topic:x", "first")
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 1 })
		a.links.peer(b.ref).lanes[0].sent.Add(1) // handed over, and never arrived
		for round := range uint64(4) {
			a.breakLinks()
			eventually(t, 10*time.Second, func() bool { return a.state(b).Generation > round+1 })
		}
		a.send(b, 0, "topic:x", "after")
		eventually(t, time.Second, func() bool { return len(b.with("event n1#1 topic:x after")) == 1 })
		wantLines(t, b.all(), "event n1#1 topic:x first", "gap n1#1 link_lost", "event n1#1 topic:x after")
		if a.state(b).LostFrames != 1 {
			t.Error(a.state(b).LostFrames)
		}
	})
}

// A later generation ends the handling of the earlier one's frames before its
// own are read, also when the earlier connection still seems to live.
func TestGenerationsDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t)
		b.lag = 4 * time.Second // longer than the next link needs
		release := b.blockFrames()
		for i := range 4 {
			a.send(b, uint32(i), "topic:x", "old")
		}
		time.Sleep(10 * time.Millisecond)
		old := sessionOf(b, a)
		nw.Cut(b.ip, a.ip) // b does not hear of the end
		nw.Cut(a.ip, b.ip)
		a.breakLinks()
		time.Sleep(10 * time.Millisecond)
		if old.ctx.Err() != nil {
			t.Fatal("b has heard of it")
		}
		nw.Heal()
		eventually(t, 10*time.Second, func() bool { return old.ctx.Err() != nil })
		release()
		eventually(t, 10*time.Second, func() bool { return a.state(b).Generation > 1 })
		a.send(b, 0, "topic:x", "new")
		eventually(t, time.Second, func() bool { return len(b.with("event n1#1 topic:x new")) == 1 })
		lines := b.all()
		if lines[len(lines)-1] != "event n1#1 topic:x new" || len(b.with("event")) != 5 {
			t.Fatal(lines)
		}
	})
}

func sessionOf(n, from *testNode) *session {
	n.links.called.mu.Lock()
	defer n.links.called.mu.Unlock()
	return n.links.called.origins[from.ref.ID].session
}

// An earlier generation, and an earlier life, are refused.
func TestStaleLinksAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t)
		for _, c := range []struct {
			ref  eventnode.NodeRef
			skip uint64 // generations begun before
			up   bool
		}{
			{a.ref, 0, false},
			{eventnode.NodeRef{ID: "n1", Epoch: 0}, 50, false},
			{a.ref, 50, true},
		} {
			host := nw.Host("10.0.0.77")
			l, err := New(Config{Self: c.ref, Cluster: "test", Secret: []byte("secret"), Dial: host.Dial}, &recorder{})
			if err != nil {
				t.Fatal(err)
			}
			l.generation.Store(c.skip)
			l.Add(b.ref, b.address())
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = l.Run(ctx) }()
			time.Sleep(50 * time.Millisecond)
			if up := l.States()[0].Phase == PhaseUp; up != c.up {
				t.Errorf("%v, generation %d: %+v", c.ref, c.skip+1, l.States())
			}
			cancel()
			<-done
		}
	})
}

// Fewer lanes are granted than asked for: publishers share them, in order.
func TestFewerLanesGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw := memnet.New(memnet.Config{})
		t.Cleanup(nw.Close)
		a := startNode(t, nw, 1, 1, func(c *Config) { c.Lanes = 8 })
		ref := eventnode.NodeRef{ID: "n2", Epoch: 1}
		a.links.Add(ref, "10.0.0.2:7401")
		send := func(i int) {
			for lane := range uint32(8) {
				topic := fmt.Sprintf("topic:%d", lane)
				a.links.Send(t.Context(), ref, lane, topic, wire.Piece{Data: record(topic, fmt.Sprint(i))}, 1)
			}
		}
		for i := range 10 {
			send(i) // before the handshake: in eight queues
		}
		b := startNode(t, nw, 2, 1, func(c *Config) { c.Lanes = 3 })
		a.awaitUp(b)
		for i := range 10 {
			send(10 + i)
		}
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 160 })
		for lane := range 8 {
			prefix := fmt.Sprintf("event n1#1 topic:%d ", lane)
			for i, l := range b.with(prefix) {
				if l != prefix+fmt.Sprint(i) {
					t.Fatalf("lane %d: %q", lane, b.with(prefix))
				}
			}
		}
		if a.state(b).Lanes != 3 {
			t.Fatal(a.state(b).Lanes)
		}
	})
}

// A killed process is told once, within half a second; when its port answers
// again the next time counts anew.
func TestRefusedPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t)
		for round := range 2 {
			time.Sleep(2 * time.Second)
			nw.Crash(b.ip)
			began := time.Now()
			b.end()
			eventually(t, time.Second, func() bool { return len(a.with("refused")) == round+1 })
			if d := time.Since(began); d < refusedTwice || d > 2*refusedTwice {
				t.Errorf("told after %v", d)
			}
			time.Sleep(time.Minute)
			if len(a.with("refused")) != round+1 {
				t.Error("told again")
			}
			b = startNode(t, nw, 2, 1) // the test's licence: the same epoch
			a.awaitUp(b)
		}
	})
}

// A cut network does not look like a killed process, and a dead peer is found
// by keep-alive.
func TestCutIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t)
		nw.Partition([]string{a.ip}, []string{b.ip})
		time.Sleep(time.Minute)
		if s := a.state(b); s.Phase != PhaseDown || len(a.with("refused")) > 0 {
			t.Fatalf("%+v %v", s, a.all())
		}
		nw.Heal()
		a.awaitUp(b)
	})
}

// A new address is dialled at once, a new life replaces the old one.
func TestAddAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t)
		b.links.Add(a.ref, a.address())
		b.awaitUp(a)
		b.links.SetPublishing()
		eventually(t, time.Second, func() bool { return originOf(a, b).publishing })
		b.end()
		nw.Crash(b.ip)
		time.Sleep(time.Minute)

		next := startNode(t, nw, 2, 2)
		a.add(next)
		a.awaitUp(next)
		wantLines(t, a.with("gap"), "gap n2#1 node_lost")
		if len(a.links.States()) != 1 {
			t.Fatal(a.links.States())
		}
		a.add(b) // the earlier life: ignored
		if a.links.States()[0].Ref != next.ref {
			t.Fatal(a.links.States())
		}

		next.end()
		nw.Crash(next.ip)
		time.Sleep(time.Minute)
		moved := startNode(t, nw, 3, 1, func(c *Config) { c.Self = next.ref })
		a.links.Add(next.ref, moved.address())
		eventually(t, 10*time.Millisecond, func() bool { return a.links.States()[0].Phase == PhaseUp })
	})
}

func originOf(n, from *testNode) origin {
	n.links.called.mu.Lock()
	defer n.links.called.mu.Unlock()
	o := n.links.called.origins[from.ref.ID]
	if o == nil {
		return origin{}
	}
	return origin{ref: o.ref, publishing: o.publishing, goodbye: o.goodbye}
}

// The loss of a node is told if it had been publishing, once.
func TestNodeLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		b.links.Remove(a.ref, true)
		wantLines(t, b.with("gap")) // a was no publisher

		a.awaitUp(b) // it dials again
		a.links.SetPublishing()
		eventually(t, time.Second, func() bool { return originOf(b, a).publishing })
		b.links.Remove(a.ref, false)
		wantLines(t, b.with("gap")) // it left

		eventually(t, 10*time.Second, func() bool { return originOf(b, a).publishing }) // now from the hello
		b.links.Remove(a.ref, true)
		b.links.Remove(a.ref, true)
		wantLines(t, b.with("gap"), "gap n1#1 node_lost")

		eventually(t, 10*time.Second, func() bool { return originOf(b, a).ref == a.ref })
		a.awaitUp(b)
		a.send(b, 0, "topic:x", "x")
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 1 })
	})
}

// A peer that was removed and comes back in the same life goes on with its
// numbers: no event twice, none silently lost. Each time it is told that what it
// was interested in meanwhile was not sent, as this node had been publishing.
func TestRemoveAndAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		for i := range 10 {
			a.send(b, 0, "topic:x", fmt.Sprint(i))
		}
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 10 })
		for range 3 {
			a.links.Remove(b.ref, true)
			if a.send(b, 0, "topic:x", "nowhere") {
				t.Fatal("taken")
			}
			a.add(b)
			a.awaitUp(b)
			gen := a.state(b).Generation
			a.breakLinks()
			eventually(t, 10*time.Second, func() bool { return a.state(b).Generation > gen })
		}
		a.send(b, 0, "topic:x", "10")
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 11 })
		told := slices.Repeat([]string{"gap n1#1 link_lost"}, 3)
		wantLines(t, b.with("gap"), told...)

		b.links.Remove(a.ref, true) // b forgets what it received
		gen := a.state(b).Generation
		eventually(t, 10*time.Second, func() bool { return a.state(b).Generation > gen })
		a.send(b, 0, "topic:x", "11")
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 12 })
		wantLines(t, b.with("gap"), append(told, "gap n1#1 node_lost", "gap n1#1 link_lost")...)
	})
}

// A node that never published has sent nothing that could have been missed.
func TestRemoveAndAddWithoutPublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		a.links.Remove(b.ref, false)
		a.add(b)
		a.awaitUp(b)
		wantLines(t, b.with("gap"))
	})
}
