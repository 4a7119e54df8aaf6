package groups

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/exchange"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// The tests that the authors of Erlang's pg wrote for it, told again.

func TestPGT1_DefaultScope(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		n.join("g", m)
		equal(t, "local members", n.local("g"), of(m))
		equal(t, "groups", n.groups(), map[string]int{"g": 1})
		equal(t, "local groups", n.localGroups(), map[string]int{"g": 1})
		n.leave("g", m)
		equal(t, "local members", len(n.local("g")), 0)
		equal(t, "groups", len(n.groups())+len(n.localGroups()), 0)
	})
}

func TestPGT2_Single(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m, dying := n.member(), n.member()
		n.join("g", m)
		n.join("g", m, m)
		equal(t, "members", n.members("g"), of(m, m, m))
		if _, err := n.Scope("").Leave(t.Context(), "missing", m); !errors.Is(err, eventnode.ErrNotJoined) {
			t.Fatalf("leave of a missing group: %v", err)
		}
		n.leave("g", m, m)
		n.leave("g", m)
		equal(t, "groups", len(n.groups()), 0)
		n.join("g", dying)
		if err := dying.Close(); err != nil {
			t.Fatal(err)
		}
		equal(t, "groups", len(n.groups()), 0)
	})
}

// Garbage is refused and counted; the node goes on.
func TestPGT3_Errors(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		n.join("g", m)
		from := c.nodes[1].ref
		for _, msg := range []*clusterv1.Exchange{
			nil, {}, {Message: &clusterv1.Exchange_ChangeSet{}},
			{Message: &clusterv1.Exchange_ChangeSet{ChangeSet: &clusterv1.ChangeSet{}}},
			{Message: &clusterv1.Exchange_Sync{Sync: &clusterv1.Sync{Chunk: 7, Version: 9, Origin: &clusterv1.Origin{Node: "n2", Epoch: from.Epoch}}}},
			{Message: &clusterv1.Exchange_Pull{Pull: &clusterv1.Pull{Scope: "?"}}},
			{Message: &clusterv1.Exchange_Digest{Digest: &clusterv1.Digest{Entries: []*clusterv1.DigestEntry{nil, {}}}}},
		} {
			n.Receive(from, encoded(msg))
		}
		refused := n.counters().Refused
		if refused[exchange.RefusedMalformed] < 4 || refused[exchange.RefusedUnknownKind] < 2 || refused[exchange.RefusedLate] != 1 {
			t.Fatalf("refused: %v", refused)
		}
		equal(t, "members", n.members("g"), of(m))
	})
}

// A member that ends while it joins and leaves is in no group afterwards.
func TestPGT4_LeaveExitRace(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		for range 100 {
			m := n.member()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 3 {
					_, _ = n.Scope("").Join(context.Background(), "g", []eventnode.Member{m, m})
					_, _ = n.Scope("").Leave(context.Background(), "g", m)
				}
			}()
			_ = m.Close()
			<-done
		}
		equal(t, "groups", len(n.groups()), 0)
		c.eventually("nothing remains elsewhere", func() bool { return len(c.nodes[1].groups()) == 0 })
		equal(t, "handles", n.Stats().LocalMembers, 0)
	})
}

func TestPGT5_OwnNodeUpIsIgnored(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		n.join("g", m)
		n.NodeAlive(n.ref)
		n.PeerUp(n.ref)
		n.NodeGone(n.ref)
		n.PeerDown(n.ref)
		equal(t, "peers", n.Stats().Peers, 0)
		equal(t, "members", n.members("g"), of(m))
	})
}

func TestPGT6_ProcessOwnerCheck(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n, s := c.nodes[0], c.nodes[0].Scope("")
		mine, other := n.member(), c.nodes[1].member()
		for _, list := range [][]eventnode.Member{{other}, {other, other}, {mine, other}, {nil}, {mine, nil}} {
			if _, err := s.Join(t.Context(), "g", list); !errors.Is(err, eventnode.ErrNotOwner) {
				t.Fatalf("join: %v", err)
			}
			if _, err := s.Leave(t.Context(), "g", list...); !errors.Is(err, eventnode.ErrNotOwner) {
				t.Fatalf("leave: %v", err)
			}
		}
		if _, err := s.JoinMany(t.Context(), []string{"g"}, other); !errors.Is(err, eventnode.ErrNotOwner) {
			t.Fatal(err)
		}
		if err := s.SetMeta(t.Context(), "g", other, "x"); !errors.Is(err, eventnode.ErrNotOwner) {
			t.Fatal(err)
		}
		equal(t, "groups", len(n.groups()), 0)
	})
}

// What an unknown peer says is ignored, also right after it has gone.
func TestPGT7_OverlayMissing(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n, stranger := c.nodes[0], eventnode.NodeRef{ID: "x", Epoch: 5}
		claim := func(from eventnode.NodeRef, version uint64) *clusterv1.Exchange {
			return &clusterv1.Exchange{Message: &clusterv1.Exchange_ChangeSet{ChangeSet: &clusterv1.ChangeSet{
				Origin: &clusterv1.Origin{Node: string(from.ID), Epoch: from.Epoch}, Version: version,
				Groups: []*clusterv1.GroupDelta{{Group: "g", Joined: []*clusterv1.Membership{{Ref: 1}}}},
			}}}
		}
		n.Receive(stranger, encoded(claim(stranger, 1)))
		n.Receive(c.nodes[1].ref, encoded(claim(stranger, 1))) // a third party's word
		gone := c.nodes[1].ref
		c.kill(1)
		n.Receive(gone, encoded(claim(gone, 1)))
		refused := n.counters().Refused
		equal(t, "unknown", refused[exchange.RefusedUnknownPeer], 2)
		equal(t, "no word", refused[exchange.RefusedNoWord], 1)
		equal(t, "groups", len(n.groups()), 0)
	})
}

func TestPGT8_Two(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		m1, m2 := b.member(), b.member()
		b.join("g", m1)
		c.sees(0, "g", m1)
		equal(t, "local", len(a.local("g")), 0)
		_ = m1.Close()
		c.sees(0, "g")
		m1 = b.member()
		b.join("g", m1, m2)
		c.sees(0, "g", m1, m2)
		c.kill(1)
		c.sees(0, "g")
		equal(t, "groups", len(a.groups()), 0)
	})
}

func TestPGT9_EmptyGroupByRemoteLeave(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		m1, m2 := b.member(), b.member()
		b.join("g", m1)
		c.sees(0, "g", m1)
		b.leave("g", m1)
		c.eventually("no group", func() bool { return len(a.groups()) == 0 })
		b.join("g", m1, m2)
		c.sees(0, "g", m1, m2)
		b.leave("g", m2, m1)
		c.eventually("no group", func() bool { return len(a.groups()) == 0 })
	})
}

func TestPGT11_Initial(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.kill(1)
		m := c.nodes[0].member()
		c.nodes[0].join("g", m)
		c.start(1)
		c.sees(1, "g", m)
		equal(t, "local", len(c.nodes[1].local("g")), 0)
	})
}

func TestPGT12_Netsplit(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		m, moved, n := a.member(), b.member(), b.member()
		b.join("old", moved)
		c.sees(0, "old", moved)
		c.split(0, 1)
		c.sees(0, "old")
		a.join("a", m)
		b.join("b", n)
		b.leave("old", moved)
		b.join("new", moved)
		c.heal(0, 1)
		for i := range 2 {
			c.sees(i, "a", m)
			c.sees(i, "b", n)
			c.sees(i, "new", moved)
			c.sees(i, "old")
		}
	})
}

func TestPGT13_Trisplit(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.kill(2)
		c.split(0, 1)
		m := c.nodes[1].member()
		c.nodes[1].join("g", m)
		c.heal(0, 1)
		c.sees(0, "g", m)
		c.start(2)
		c.sees(2, "g", m)
	})
}

func TestPGT14_Foursplit(t *testing.T) {
	bubble(t, 4, func(t *testing.T, c *cluster) {
		m := c.nodes[1].member()
		c.nodes[1].join("g", m)
		c.sees(0, "g", m)
		for i := range 4 {
			for j := range i {
				c.split(i, j)
			}
		}
		c.nodes[1].leave("g", m)
		if _, err := c.nodes[1].Scope("").Leave(t.Context(), "g", m); !errors.Is(err, eventnode.ErrNotJoined) {
			t.Fatal(err)
		}
		c.nodes[1].join("h", m)
		for i := range 4 {
			for j := range i {
				c.heal(i, j)
			}
		}
		for i := range 4 {
			c.sees(i, "h", m)
			c.sees(i, "g")
		}
	})
}

func TestPGT15_Exchange(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		var ms []eventnode.Member
		for i := range 30 {
			n := c.nodes[i%3]
			m := n.member()
			n.join("g", m)
			ms = append(ms, m)
		}
		for i := range 3 {
			c.sees(i, "g", ms...)
		}
		for i := range 3 {
			_ = ms[i].Close()
		}
		ms = ms[3:]
		c.split(0, 1)
		c.split(0, 2)
		late := []eventnode.Member{c.nodes[1].member(), c.nodes[2].member(), c.nodes[0].member()}
		c.nodes[1].join("g", late[0])
		c.nodes[2].join("g", late[1], late[1])
		c.nodes[0].join("g", late[2])
		res := c.nodes[2].leave("g", late[1], late[1], late[1])
		equal(t, "partial leave", res, eventnode.LeaveResult{Left: 2, NotJoined: 1})
		if _, err := c.nodes[0].Scope("").Leave(t.Context(), "none", late[2]); !errors.Is(err, eventnode.ErrNotJoined) {
			t.Fatal(err)
		}
		c.heal(0, 1)
		c.heal(0, 2)
		for i := range 3 {
			c.sees(i, "g", append(ms[:27:27], late[0], late[2])...)
		}
	})
}

func TestPGT16_NoLocal(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		m := c.nodes[1].member()
		c.nodes[1].join("g", m, m)
		c.sees(0, "g", m, m)
		equal(t, "local", len(c.nodes[0].local("g"))+len(c.nodes[0].localGroups()), 0)
	})
}

func TestPGT17_Double(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		m := c.nodes[1].member()
		c.nodes[1].join("g", m)
		c.nodes[1].join("g", m)
		c.sees(0, "g", m, m)
		c.nodes[1].leave("g", m)
		c.sees(0, "g", m)
	})
}

// pg loses its own members when a scope restarts; here only the node itself can
// restart: then the others' members are back, its own are its owners' to join.
func TestPGT18_ScopeRestart(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		mine, other := c.nodes[0].member(), c.nodes[1].member()
		c.nodes[0].join("g", mine)
		c.nodes[1].join("g", other)
		c.sees(1, "g", mine, other)
		c.kill(0)
		c.start(0)
		c.sees(0, "g", other)
		c.sees(1, "g", other)
	})
}

func TestPGT19_MissingScope(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		s := c.nodes[0].Scope("never used")
		ms, err := s.Members(t.Context(), "g")
		local, err2 := s.LocalMembers(t.Context(), "g")
		if len(ms)+len(local) > 0 || err != nil || err2 != nil {
			t.Fatal(ms, local, err, err2)
		}
		equal(t, "groups", len(sizes(s.Groups(t.Context())))+len(sizes(s.LocalGroups(t.Context()))), 0)
		if _, err := s.Leave(t.Context(), "g", c.nodes[0].member()); !errors.Is(err, eventnode.ErrNotJoined) {
			t.Fatal(err)
		}
	})
}

func TestPGT20_DisconnectedStart(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.split(0, 1)
		c.nodes[0].cancel()
		c.start(0)
		m := c.nodes[0].member()
		c.nodes[0].join("g", m)
		c.sees(1, "g")
		c.heal(0, 1)
		c.sees(1, "g", m)
	})
}

// Whatever a node was made to believe of another one is repaired by the next
// copy, which replaces.
func TestPGT21_ForcedSync(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		m := c.nodes[1].member()
		c.nodes[1].join("g", m)
		c.sees(0, "g", m)
		bogus := &clusterv1.Exchange{Message: &clusterv1.Exchange_ChangeSet{ChangeSet: &clusterv1.ChangeSet{
			Origin: &clusterv1.Origin{Node: "n2", Epoch: c.nodes[1].ref.Epoch}, Version: 2,
			Groups: []*clusterv1.GroupDelta{
				{Group: "g", Left: []*clusterv1.Membership{{Ref: m.Ref().Ref}}},
				{Group: "bogus", Joined: []*clusterv1.Membership{{Ref: 77, Times: 3}}},
			},
		}}}
		mon, err := c.nodes[0].Scope("").MonitorScope(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.nodes[0].Receive(c.nodes[1].ref, encoded(bogus))
		c.eventually("repaired", func() bool {
			return fmt.Sprint(c.nodes[0].members("g")) == fmt.Sprint(of(m)) && len(c.nodes[0].groups()) == 1
		})
		b := c.nodes[1].ref.String() + "/77"
		equal(t, "change", c.next(mon), "g -"+m.Ref().String())
		equal(t, "change", c.next(mon), "bogus +"+b+" +"+b+" +"+b)
		equal(t, "change", c.next(mon), "g +"+m.Ref().String())
		equal(t, "change", c.next(mon), "bogus -"+b+" -"+b+" -"+b)
		c.nodes[1].join("h", m)
		c.sees(0, "h", m)
	})
}

func TestPGT22_GroupLeave(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		b := c.nodes[1]
		var ms []eventnode.Member
		for range 16 {
			ms = append(ms, b.member())
		}
		b.join("g", ms...)
		c.sees(0, "g", ms...)
		b.leave("g", ms[:4]...)
		c.sees(0, "g", ms[4:]...)
		c.kill(1)
		c.sees(0, "g")
	})
}

func TestPGT23_MonitorNonEmptyScope(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		m, r := c.nodes[0].member(), c.nodes[1].member()
		c.nodes[0].join("g", m)
		c.nodes[1].join("g", r)
		c.sees(0, "g", m, r)
		for range 2 {
			mon, err := c.nodes[0].Scope("").MonitorScope(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "groups", len(mon.Snapshot()), 1)
			equal(t, "members", refs(mon.Snapshot()["g"]), of(m, r))
			equal(t, "close", mon.Close(), true)
		}
	})
}

func TestPGT24_Monitor(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		m, r := a.member(), b.member()
		watch := func(n *tnode) eventnode.Monitor {
			mon, err := n.Scope("").Monitor(t.Context(), "g")
			if err != nil {
				t.Fatal(err)
			}
			return mon
		}
		first, remote := watch(a), watch(b)
		equal(t, "snapshot of an empty group", len(first.Snapshot()), 0)
		a.join("g", m)
		second := watch(a)
		equal(t, "snapshot", refs(second.Snapshot()["g"]), of(m))
		equal(t, "first", c.next(first), "g +"+m.Ref().String())
		c.sees(1, "g", m)
		b.join("g", r, r)
		two := fmt.Sprintf("g +%s +%s", r.Ref(), r.Ref())
		equal(t, "first", c.next(first), two)
		equal(t, "second", c.next(second), two)
		a.leave("g", m)
		equal(t, "first", c.next(first), "g -"+m.Ref().String())
		c.sees(1, "g", r, r)
		b.leave("g", r)
		equal(t, "first", c.next(first), "g -"+r.Ref().String())
		for _, want := range []string{"g +" + m.Ref().String(), two, "g -" + m.Ref().String(), "g -" + r.Ref().String()} {
			equal(t, "the remote monitor", c.next(remote), want)
		}
		c.kill(1)
		equal(t, "first", c.next(first), "g -"+r.Ref().String())
		equal(t, "close", first.Close(), true)
		equal(t, "close again", first.Close(), false)
		a.join("g", m)
		if ch, err := first.Next(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatalf("after close: %v, %v", ch, err)
		}
		second.Close()
		c.eventually("no monitor remains", func() bool {
			n := -1
			_ = a.do(t.Context(), func() { n = len(a.monitors) })
			return n == 0
		})
	})
}

// A message kind of a later version is ignored, and the link goes on.
func TestPGT25_ProtocolUpgrade(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.nodes[0].Receive(c.nodes[1].ref, encoded(&clusterv1.Exchange{}))
		m := c.nodes[1].member()
		c.nodes[1].join("g", m)
		c.sees(0, "g", m)
		equal(t, "unknown", c.nodes[0].counters().Refused[exchange.RefusedUnknownKind], 1)
	})
}

// sink is Peers that takes everything and counts it.
type sink struct{ sent atomic.Int64 }

func (s *sink) SendExchange(eventnode.NodeRef, []byte) bool {
	s.sent.Add(1)
	return true
}

func (*sink) Deliver(context.Context, eventnode.NodeRef, *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	return nil, eventnode.ErrUnavailable
}

// 10,000 groups, then 2,000 copies asked for and 2,000 that bring nothing new: a
// join behind them is as fast as ever (in real time; the aim is 50 ms).
func TestPGT10_ThunderingHerd(t *testing.T) {
	peers := &sink{}
	g, err := New(Config{Self: eventnode.NodeRef{ID: "a", Epoch: 1}, Peers: peers})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	names := make([]string, 10_000)
	whole := &clusterv1.Sync{Origin: &clusterv1.Origin{Node: "b", Epoch: 7}, Version: 1, Last: true}
	for i := range names {
		names[i] = fmt.Sprintf("group-%05d-with-a-name-of-some-length", i)
		whole.Groups = append(whole.Groups, &clusterv1.GroupDelta{Group: names[i], Joined: []*clusterv1.Membership{{Ref: 1}}})
	}
	m, err := g.NewMember(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Scope("").JoinMany(ctx, names, m); err != nil {
		t.Fatal(err)
	}
	b := eventnode.NodeRef{ID: "b", Epoch: 7}
	g.PeerUp(b)
	pull := encoded(&clusterv1.Exchange{Message: &clusterv1.Exchange_Pull{Pull: &clusterv1.Pull{Origin: &clusterv1.Origin{Node: "a", Epoch: 1}}}})
	sync := encoded(&clusterv1.Exchange{Message: &clusterv1.Exchange_Sync{Sync: whole}})
	for range 2000 {
		g.Receive(b, pull)
		g.Receive(b, sync)
	}
	start := time.Now()
	if _, err := g.Scope("").Join(ctx, "one more", []eventnode.Member{m}); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("the join took %v, %d messages were sent", took, peers.sent.Load())
	if took > 5*time.Second {
		t.Fatalf("the join took %v", took)
	}
	equal(t, "memberships", g.Stats().Memberships, 20_001)
	if n := peers.sent.Load(); n < 4000 {
		t.Fatalf("%d messages sent: the pulls were not answered", n)
	}
}
