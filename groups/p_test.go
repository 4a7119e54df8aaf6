package groups

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/exchange"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// One test for each row of the feature list, on nodes in virtual time.

func TestP1_GroupsComeAndGoWithTheirMembers(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		equal(t, "never joined", len(n.members("g")), 0)
		n.join("g", m)
		c.sees(1, "g", m)
		n.leave("g", m)
		c.eventually("gone everywhere", func() bool { return len(c.nodes[1].groups()) == 0 })
		equal(t, "empty is missing", len(n.members("g")), 0)
	})
}

func TestP2_ScopesAreIndependent(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		for _, name := range []string{"", "s", "local:s"} {
			if _, err := n.Scope(name).Join(t.Context(), "g", []eventnode.Member{m}, eventnode.WithMeta(name)); err != nil {
				t.Fatal(err)
			}
		}
		there := c.nodes[1]
		c.eventually("two scopes over there", func() bool { return there.Stats().Scopes == 2 })
		time.Sleep(5 * time.Second)
		equal(t, "the local scope elsewhere", len(sizes(there.Scope("local:s").Groups(t.Context()))), 0)
		if _, err := n.Scope("s").Leave(t.Context(), "g", m); err != nil {
			t.Fatal(err)
		}
		equal(t, "the other scopes", n.Stats().Scopes, 2)
		for _, bad := range []eventnode.Scope{n.Scope("eventnode.topics"), n.Scope("\xff"), n.Scope(strings.Repeat("x", 256)), n.ReservedScope("mine")} {
			_, err := bad.Join(t.Context(), "g", []eventnode.Member{m})
			if !errors.Is(err, eventnode.ErrInvalidArgument) && !errors.Is(err, eventnode.ErrLimit) {
				t.Fatalf("scope %.20q: %v", bad.Name(), err)
			}
		}
		if _, err := n.ReservedScope("eventnode.topics").Join(t.Context(), "g", []eventnode.Member{m}); err != nil {
			t.Fatal(err)
		}
		equal(t, "reserved scopes are not counted", n.Stats().Scopes, 2)
	})
}

func TestP3_MultiJoinCounts(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		n.join("g", m)
		n.join("g", m, m)
		c.sees(1, "g", m, m, m)
		for i := range 3 {
			equal(t, "members", len(n.members("g")), 3-i)
			n.leave("g", m)
		}
		c.sees(1, "g")
	})
}

func TestP4_ListsAreOneChange(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		a, b := n.member(), n.member()
		mon, _ := c.nodes[1].Scope("").MonitorScope(t.Context())
		n.join("g", a, b, a)
		equal(t, "one difference", c.next(mon), fmt.Sprintf("g +%s +%s +%s", a.Ref(), a.Ref(), b.Ref()))
		n.leave("g", a, b)
		equal(t, "one difference", c.next(mon), fmt.Sprintf("g -%s -%s", a.Ref(), b.Ref()))
		c.quiet(mon)
	})
}

func TestP5_LeaveCountsAndNotJoined(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		a, b := n.member(), n.member()
		n.join("g", a)
		equal(t, "partial", n.leave("g", a, a, b), eventnode.LeaveResult{Left: 1, NotJoined: 2})
		res, err := n.Scope("").Leave(t.Context(), "g", a, b)
		if !errors.Is(err, eventnode.ErrNotJoined) {
			t.Fatal(err)
		}
		equal(t, "none", res, eventnode.LeaveResult{NotJoined: 2})
	})
}

func TestP6_OnlyTheOwnerJoinsAndLeaves(t *testing.T) { TestPGT6_ProcessOwnerCheck(t) }

func TestP7_ReadsAndEmptyScopes(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		ma, mb := a.member(), b.member()
		a.join("g", ma, ma)
		b.join("g", mb)
		b.join("h", mb)
		c.sees(0, "g", ma, ma, mb)
		c.sees(0, "h", mb)
		equal(t, "local members", a.local("g"), of(ma, ma))
		equal(t, "groups", a.groups(), map[string]int{"g": 3, "h": 1})
		equal(t, "local groups", a.localGroups(), map[string]int{"g": 2})
	})
	TestPGT19_MissingScope(t)
}

func TestP8_ClosedMembersLeaveEverything(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		var many []string
		for i := range 50 {
			many = append(many, fmt.Sprint("g", i))
		}
		if _, err := n.Scope("").JoinMany(t.Context(), append(many, many[0]), m); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Scope("s").Join(t.Context(), "g", []eventnode.Member{m}); err != nil {
			t.Fatal(err)
		}
		c.eventually("known", func() bool { return c.nodes[1].Stats().Memberships == 52 })
		sent := n.counters().Sent[exchange.KindChangeSet]
		_ = m.Close()
		equal(t, "one change a scope", n.counters().Sent[exchange.KindChangeSet]-sent, 2)
		equal(t, "here", n.Stats().Memberships, 0)
		c.eventually("there", func() bool { return c.nodes[1].Stats().Memberships == 0 })
		if _, err := n.Scope("").Join(t.Context(), "g", []eventnode.Member{m}); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatal(err)
		}
	})
	TestPGT4_LeaveExitRace(t)
}

func TestP9_NodeDeathAndReturn(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		b := c.nodes[1]
		m1, m2 := b.member(), b.member()
		b.join("g", m1, m2)
		b.join("h", m1)
		mine := c.nodes[0].member()
		c.nodes[0].join("g", mine)
		c.sees(2, "g", m1, m2, mine)
		c.sees(0, "h", m1)
		mon, _ := c.nodes[0].Scope("").MonitorScope(t.Context())
		c.kill(1)
		equal(t, "one a group", c.next(mon), fmt.Sprintf("g -%s -%s", m1.Ref(), m2.Ref()))
		equal(t, "one a group", c.next(mon), "h -"+m1.Ref().String())
		c.quiet(mon) // the third node's copy does not bring it back
		c.start(1)
		c.sees(1, "g", mine)
		c.sees(1, "h")
		c.quiet(mon)
	})
}

func TestP10_Monitors(t *testing.T)  { TestPGT24_Monitor(t) }
func TestP11_Demonitor(t *testing.T) { TestPGT24_Monitor(t) }

func TestP12_Splits(t *testing.T) {
	for sides := 2; sides <= 4; sides++ {
		t.Run(fmt.Sprint(sides, " sides"), func(t *testing.T) {
			bubble(t, sides, func(t *testing.T, c *cluster) {
				var ms []eventnode.Member
				for i := range sides {
					for j := range i {
						c.split(i, j)
					}
				}
				for i := range sides {
					ms = append(ms, c.nodes[i].member())
					c.nodes[i].join("g", ms[i])
					c.sees(i, "g", ms[i])
				}
				mon, _ := c.nodes[0].Scope("").Monitor(t.Context(), "g")
				time.Sleep(2 * time.Minute)
				for i := range sides {
					for j := range i {
						c.heal(i, j)
					}
				}
				for i := range sides {
					c.sees(i, "g", ms...)
				}
				told := map[string]bool{}
				for range sides - 1 {
					told[c.next(mon)] = true
				}
				for _, m := range ms[1:] {
					if !told["g +"+m.Ref().String()] {
						t.Fatalf("the monitor was told %v", told)
					}
				}
				c.quiet(mon)
			})
		})
	}
}

func TestP13_LateJoinerAndReplace(t *testing.T) {
	TestPGT11_Initial(t)
	TestPGT21_ForcedSync(t)
	TestPGT7_OverlayMissing(t)
}

func TestP14_OrderOfOneOrigin(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		mon, _ := c.nodes[1].Scope("").MonitorScope(t.Context())
		for i := range 100 {
			n.join(fmt.Sprint("g", i), m)
			equal(t, "own join", n.members(fmt.Sprint("g", i)), of(m))
			if i%10 == 5 {
				c.unlink(0, 1)
				time.Sleep(100 * time.Millisecond)
				c.link(0, 1)
			}
		}
		for i := range 100 {
			equal(t, "in order", c.next(mon), fmt.Sprintf("g%d +%s", i, m.Ref()))
		}
	})
}

func TestP15_RedundantCopiesDoNotStallAJoin(t *testing.T) { TestPGT10_ThunderingHerd(t) }
func TestP16_UnknownKinds(t *testing.T)                   { TestPGT25_ProtocolUpgrade(t) }

// A node that was taken for dead re-announces what it has; nothing is lost.
func TestP18x_OwnersReannounce(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		m := a.member()
		a.join("g", m)
		c.sees(1, "g", m)
		b.NodeGone(a.ref)
		c.sees(1, "g")
		b.NodeAlive(a.ref)
		c.sees(1, "g", m)
		c.split(0, 1)
		c.sees(1, "g")
		equal(t, "its own", a.members("g"), of(m))
		c.heal(0, 1)
		c.sees(1, "g", m)
	})
}

func TestP19x_BadMessages(t *testing.T) { TestPGT3_Errors(t) }

func TestP20x_NoPhantomGroups(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		for i := range 3 {
			n := c.nodes[i]
			m := n.member()
			for j := range 20 {
				n.join(fmt.Sprint("g", j%(5+5*i)), m)
			}
		}
		c.same()
		c.kill(1)
		c.kill(2)
		c.eventually("only its own", func() bool {
			return maps.Equal(c.nodes[0].groups(), c.nodes[0].localGroups())
		})
		time.Sleep(5 * time.Second)
		equal(t, "groups", len(c.nodes[0].groups()), 5)
	})
}

// One client that joins and monitors, then goes.
func TestP21x_MonitorAndJoinThenExit(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		mon, _ := n.Scope("").Monitor(t.Context(), "g")
		other, _ := n.Scope("").Monitor(t.Context(), "g")
		n.join("g", m)
		_ = m.Close()
		equal(t, "close", mon.Close(), true)
		equal(t, "join", c.next(other), "g +"+m.Ref().String())
		equal(t, "leave", c.next(other), "g -"+m.Ref().String())
		equal(t, "groups", len(n.groups()), 0)
		m2 := n.member()
		n.join("g", m2)
		c.sees(1, "g", m2)
	})
}

func TestP22x_Metadata(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n, s := c.nodes[0], c.nodes[0].Scope("")
		m := n.member()
		mon, _ := c.nodes[1].Scope("").Monitor(t.Context(), "g")
		if err := s.SetMeta(t.Context(), "g", m, "x"); !errors.Is(err, eventnode.ErrNotJoined) {
			t.Fatal(err)
		}
		if _, err := s.Join(t.Context(), "g", []eventnode.Member{m, m}, eventnode.WithMeta("a")); err != nil {
			t.Fatal(err)
		}
		r := m.Ref().String()
		equal(t, "joined", c.next(mon), fmt.Sprintf("g +%s=a +%s=a", r, r))
		if err := s.SetMeta(t.Context(), "g", m, "b"); err != nil {
			t.Fatal(err)
		}
		equal(t, "updated", c.next(mon), fmt.Sprintf("g ~%s=b ~%s=b", r, r))
		equal(t, "read", c.nodes[1].members("g"), []string{r + "=b", r + "=b"})
		n.join("g", m)
		equal(t, "a join without keeps it", c.next(mon), fmt.Sprintf("g +%s=b", r))
		n.leave("g", m, m, m)
		equal(t, "left", c.next(mon), fmt.Sprintf("g -%s=b -%s=b -%s=b", r, r, r))
	})
}

func TestP23x_Broadcast(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		ma, mb, mb2 := a.member(), b.member(), b.member()
		a.join("g", ma, ma)
		b.join("g", mb, mb2)
		c.sees(0, "g", ma, ma, mb, mb2)
		res, err := a.Scope("").Broadcast(t.Context(), "g", ev("e1"))
		equal(t, "result", fmt.Sprint(res, err), fmt.Sprint(eventnode.BroadcastResult{Delivered: 4}, nil))
		equal(t, "one call a node with members", c.calls, []string{"n1>n2"})
		res, err = a.Scope("").BroadcastLocal(t.Context(), "g", ev("e2"))
		equal(t, "result", fmt.Sprint(res, err), fmt.Sprint(eventnode.BroadcastResult{Delivered: 2}, nil))
		equal(t, "twice", received(t, ma, 4), []string{"e1", "e1", "e2", "e2"})
		equal(t, "remote", received(t, mb, 1), []string{"e1"})
		equal(t, "remote", received(t, mb2, 1), []string{"e1"})
		c.unlink(0, 1)
		res, _ = a.Scope("").Broadcast(t.Context(), "g", ev("e3"))
		equal(t, "missing", res, eventnode.BroadcastResult{Delivered: 2, Missing: []eventnode.NodeID{"n2"}})
		if _, err := a.Scope("").Broadcast(t.Context(), "g", noEvent()); !errors.Is(err, eventnode.ErrInvalidEvent) {
			t.Fatal(err)
		}
	})
}

func TestP23x_SendOne(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		a, s := c.nodes[0], c.nodes[0].Scope("")
		if _, err := s.SendOne(t.Context(), "g", ev("e"), eventnode.Pick{}); !errors.Is(err, eventnode.ErrNoMembers) {
			t.Fatal(err)
		}
		var ms []eventnode.Member
		for i := range 9 {
			ms = append(ms, c.nodes[i%3].member(100_0))
			c.nodes[i%3].join("g", ms[i])
		}
		c.sees(0, "g", ms...)
		send := func(p eventnode.Pick) eventnode.MemberRef {
			ref, err := s.SendOne(t.Context(), "g", ev("e"), p)
			if err != nil {
				t.Fatal(err)
			}
			return ref
		}
		count := map[eventnode.MemberRef]int{}
		for range 450 {
			count[send(eventnode.Pick{})]++
		}
		equal(t, "random reaches all", len(count), 9)
		for range 20 {
			if ref := send(eventnode.Pick{Strategy: eventnode.PickLocalFirst}); ref.Node != a.ref {
				t.Fatalf("local first chose %s", ref)
			}
		}
		chosen := map[string]eventnode.MemberRef{}
		for i := range 100 {
			key := fmt.Sprint(i)
			chosen[key] = send(eventnode.Pick{Strategy: eventnode.PickHash, Key: key})
			equal(t, "the same key", send(eventnode.Pick{Strategy: eventnode.PickHash, Key: key}), chosen[key])
		}
		_ = ms[4].Close()
		c.eventually("one is gone", func() bool { return len(a.members("g")) == 8 })
		for key, was := range chosen {
			now := send(eventnode.Pick{Strategy: eventnode.PickHash, Key: key})
			if was != ms[4].Ref() && now != was {
				t.Fatalf("key %s moved from %s to %s, which still was there", key, was, now)
			}
		}
	})
}

func TestP23x_SendOneLeastLoaded(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		ma, mb := a.member(), b.member()
		a.join("g", ma)
		b.join("g", mb)
		c.sees(0, "g", ma, mb)
		count := map[eventnode.MemberRef]int{}
		for range 20 {
			ref, err := a.Scope("").SendOne(t.Context(), "g", ev("e"), eventnode.Pick{Strategy: eventnode.PickLeastLoaded})
			if err != nil {
				t.Fatal(err)
			}
			count[ref]++
		}
		equal(t, "evenly", count[ma.Ref()], 10)
		received(t, ma, 10)
		for range 10 {
			ref, _ := a.Scope("").SendOne(t.Context(), "g", ev("e"), eventnode.Pick{Strategy: eventnode.PickLeastLoaded})
			equal(t, "the one that read", ref, ma.Ref())
		}
	})
}

// Another member is tried when one surely did not get it, never after a
// time-out.
func TestP23x_SendOneTriesAnother(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		var ms []eventnode.Member
		for i := 1; i < 3; i++ {
			m := c.nodes[i].member()
			c.nodes[i].join("g", m)
			ms = append(ms, m)
		}
		c.sees(0, "g", ms...)
		c.unlink(0, 1)
		for range 10 {
			ref, err := a.Scope("").SendOne(t.Context(), "g", ev("e"), eventnode.Pick{})
			equal(t, "the other one", fmt.Sprint(ref, err), fmt.Sprint(ms[1].Ref(), nil))
		}
		c.fail[2] = context.DeadlineExceeded
		calls := len(c.calls)
		_, err := a.Scope("").SendOne(t.Context(), "g", ev("e"), eventnode.Pick{Strategy: eventnode.PickHash, Key: keyFor(ms[1], ms[0])})
		if !errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Fatal(err)
		}
		equal(t, "calls", len(c.calls)-calls, 1)
		c.fail[2] = eventnode.ErrUnavailable
		if _, err := a.Scope("").SendOne(t.Context(), "g", ev("e"), eventnode.Pick{}); !errors.Is(err, eventnode.ErrNoMembers) {
			t.Fatal(err)
		}
	})
}

func TestP24x_ListsOfGroupsAndJoinWait(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		n, s := c.nodes[0], c.nodes[0].Scope("")
		m := n.member()
		mon, _ := c.nodes[1].Scope("").MonitorScope(t.Context())
		res, err := s.JoinMany(t.Context(), []string{"b", "a", "b"}, m, eventnode.WithJoinWait(time.Second))
		equal(t, "joined", fmt.Sprint(res, err), fmt.Sprint(eventnode.JoinResult{Joined: 3}, nil))
		for i := range 3 { // known when the call returned
			equal(t, "members", c.nodes[i].groups(), map[string]int{"a": 1, "b": 2})
		}
		equal(t, "change", c.next(mon), "a +"+m.Ref().String())
		equal(t, "change", c.next(mon), fmt.Sprintf("b +%s +%s", m.Ref(), m.Ref()))
		left, err := s.LeaveMany(t.Context(), []string{"a", "b", "c"}, m)
		equal(t, "left", fmt.Sprint(left, err), fmt.Sprint(eventnode.LeaveResult{Left: 2, NotJoined: 1}, nil))
		c.unlink(0, 2)
		start := time.Now()
		res, err = s.Join(t.Context(), "g", []eventnode.Member{m}, eventnode.WithJoinWait(2*time.Second))
		equal(t, "missing", fmt.Sprint(res, err, time.Since(start)), fmt.Sprint(eventnode.JoinResult{Joined: 1, Missing: []eventnode.NodeID{"n3"}}, nil, 2*time.Second))
		go func() { time.Sleep(time.Second); c.link(0, 2) }()
		known, missing := n.WaitVisible(t.Context(), "", 5*time.Second)
		equal(t, "known", fmt.Sprint(known, missing), "[n1 n2 n3] []")
		known, _ = n.WaitVisible(t.Context(), "never", 0)
		equal(t, "nothing to know", known, []eventnode.NodeID{"n1", "n2", "n3"})
	})
}

// A link that flaps takes nobody's members away.
func TestP25x_FlapIsNoLeave(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		m := c.nodes[0].member()
		c.nodes[0].join("g", m)
		c.sees(1, "g", m)
		mon, _ := c.nodes[1].Scope("").MonitorScope(t.Context())
		for range 20 {
			c.unlink(0, 1)
			time.Sleep(500 * time.Millisecond)
			equal(t, "members", c.nodes[1].members("g"), of(m))
			c.link(0, 1)
			time.Sleep(50 * time.Millisecond)
		}
		c.quiet(mon)
	})
}

// What cannot come from the origin comes through a third node.
func TestP26x_AntiEntropyThroughAThird(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.unlink(0, 1)
		m := c.nodes[0].member()
		c.nodes[0].join("g", m)
		c.sees(1, "g", m)
		c.nodes[0].leave("g", m)
		c.sees(1, "g")
	})
}

func TestP26x_MonitorOverflowIsAResync(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		mon, _ := n.Scope("").MonitorScope(t.Context())
		for i := range 30 {
			n.join(fmt.Sprint("g", i), m)
		}
		ch, err := mon.Next(t.Context())
		if err != nil || len(ch.Resync) != 30 {
			t.Fatalf("got %d groups, %v", len(ch.Resync), err)
		}
		n.leave("g7", m)
		equal(t, "differences go on", c.next(mon), "g7 -"+m.Ref().String())
		c.quiet(mon)
	}, func(cfg *Config) { cfg.MonitorBuffer = 10 })
}

func TestP26x_Limits(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n, s := c.nodes[0], c.nodes[0].Scope("")
		m := n.member()
		limit := func(what string, err error, name string) {
			t.Helper()
			var l *eventnode.LimitError
			if !errors.As(err, &l) || l.Limit != name {
				t.Fatalf("%s: %v", what, err)
			}
		}
		_, err := s.JoinMany(t.Context(), []string{"a", "b", "c"}, m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Join(t.Context(), "d", []eventnode.Member{m})
		limit("fourth group", err, "max_groups")
		_, err = s.Join(t.Context(), "a", []eventnode.Member{m, m, m, m})
		limit("five in one group", err, "max_members_per_group")
		equal(t, "nothing changed", n.members("a"), of(m))
		_, err = s.Join(t.Context(), "a", slices.Repeat([]eventnode.Member{m}, 9))
		limit("list", err, "max_list_len")
		_, err = s.Join(t.Context(), strings.Repeat("x", 256), []eventnode.Member{m})
		limit("name", err, "max_name_bytes")
		_, err = s.Join(t.Context(), "a", []eventnode.Member{m}, eventnode.WithMeta(strings.Repeat("x", 1025)))
		limit("metadata", err, "max_meta_bytes")
		_, err = n.Scope("s2").Join(t.Context(), "a", []eventnode.Member{m})
		limit("scope", err, "max_scopes")
		_, err = n.NewMember(t.Context(), 1<<20)
		limit("queue", err, "max_queue")
		if _, err = s.Join(t.Context(), "", []eventnode.Member{m}); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Fatal(err)
		}
		b := c.nodes[1]
		other := b.member()
		b.join("a", other, other, other)
		c.eventually("known", func() bool { return len(n.members("a")) == 4 })
		_, err = s.Join(t.Context(), "a", []eventnode.Member{m})
		limit("others' members count", err, "max_members_per_group")
	}, func(cfg *Config) {
		cfg.Limits = Limits{MaxGroups: 3, MaxMembersPerGroup: 4, MaxListLen: 8, MaxScopes: 1}
	})
}

// At rest a node says one hash a second, and nothing else.
func TestP26x_AtRestOneHashASecond(t *testing.T) {
	bubble(t, 4, func(t *testing.T, c *cluster) {
		for i := range 4 {
			m := c.nodes[i].member()
			c.nodes[i].join("g", m)
		}
		c.same()
		time.Sleep(5 * time.Second)
		for i := range 4 {
			before := c.nodes[i].counters().Sent
			time.Sleep(10 * time.Second)
			after := c.nodes[i].counters().Sent
			var want [exchange.Kinds]uint64
			want[exchange.KindHash] = 10
			for k := range after {
				after[k] -= before[k]
			}
			equal(t, "sent in 10 s", after, want)
		}
	})
}

func TestN1_JoinLeaveMonitorFromAnyNode(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		mon, _ := c.nodes[2].Scope("").Monitor(t.Context(), "consumers")
		equal(t, "snapshot", len(mon.Snapshot()), 0)
		a, b := c.nodes[0].member(), c.nodes[1].member()
		c.nodes[0].join("consumers", a)
		equal(t, "joined", c.next(mon), "consumers +"+a.Ref().String())
		c.nodes[1].join("consumers", b)
		equal(t, "joined", c.next(mon), "consumers +"+b.Ref().String())
		c.nodes[0].leave("consumers", a)
		equal(t, "left", c.next(mon), "consumers -"+a.Ref().String())
		_ = b.Close()
		equal(t, "left at its end", c.next(mon), "consumers -"+b.Ref().String())
	})
}

func TestN2_EveryMemberGetsEveryEventInOrder(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0].member(), c.nodes[1].member()
		c.nodes[0].join("g", a)
		c.nodes[1].join("g", b, b)
		c.sees(0, "g", a, b, b)
		var once, twice []string
		for i := range 20 {
			name := fmt.Sprint("e", i)
			once, twice = append(once, name), append(twice, name, name)
			res, err := c.nodes[0].Scope("").Broadcast(t.Context(), "g", ev(name))
			equal(t, "delivered", fmt.Sprint(res.Delivered, err), "3 <nil>")
		}
		equal(t, "joined once", received(t, a, 20), once)
		equal(t, "joined twice", received(t, b, 40), twice)
	})
}

func TestN2_FullQueueTellsTheGap(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member(3)
		n.join("g", m)
		for i := range 10 {
			if _, err := n.Scope("").Broadcast(t.Context(), "g", ev(fmt.Sprint("e", i))); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, "received", received(t, m, 4), []string{"gap 7", "e7", "e8", "e9"})
		_, _ = n.Scope("").Broadcast(t.Context(), "g", ev("e10"))
		equal(t, "received", received(t, m, 1), []string{"e10"})
		_ = m.Close()
		if _, err := m.Receive(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatal(err)
		}
	})
}

// A hook gets what is there, then every difference, in order.
func TestHook(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		const topics = "eventnode.topics"
		m, r := a.member(), b.member()
		if _, err := a.ReservedScope(topics).Join(t.Context(), "topic:x", []eventnode.Member{m}); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		var log []string
		a.Hook(topics, func(d Diff) {
			key := string(d.Origin.ID) + " " + d.Group
			counts[key] += d.Joined - d.Left
			if counts[key] != d.Members {
				t.Errorf("%s: %d by differences, %d said", key, counts[key], d.Members)
			}
			log = append(log, fmt.Sprintf("%s %+d", key, d.Joined-d.Left))
		})
		var there []string
		_ = a.do(t.Context(), func() { there = slices.Clone(log) })
		equal(t, "what was there", there, []string{"n1 topic:x +1"})
		if _, err := b.ReservedScope(topics).Join(t.Context(), "topic:x", []eventnode.Member{r}, eventnode.WithJoinWait(time.Second)); err != nil {
			t.Fatal(err)
		}
		c.kill(1)
		want := []string{"n1 topic:x +1", "n2 topic:x +1", "n2 topic:x -1"}
		c.eventually("all is told, in order", func() (ok bool) {
			_ = a.do(t.Context(), func() { ok = slices.Equal(log, want) }) // the writer's
			return ok
		})
	})
}

// A link whose queue is full delays messages, and loses none while the backlog
// has room.
func TestFullLink(t *testing.T) {
	full := &fullPeers{}
	bubble(t, 1, func(t *testing.T, c *cluster) {
		g := c.nodes[0]
		g.PeerUp(eventnode.NodeRef{ID: "x", Epoch: 1})
		m := g.member()
		for i := range 100 {
			g.join(fmt.Sprint("g", i), m)
		}
		full.open(5)
		time.Sleep(time.Second)
		full.open(1 << 20)
		time.Sleep(time.Second)
		var last uint64
		for _, msg := range full.all() {
			m := new(clusterv1.Exchange)
			if err := proto.Unmarshal(msg, m); err != nil {
				t.Fatal(err)
			}
			if cs := m.GetChangeSet(); cs != nil {
				equal(t, "version", cs.GetVersion(), last+1)
				last = cs.GetVersion()
			}
		}
		equal(t, "the last", last, 100)
	}, func(cfg *Config) { cfg.Peers = full })
}

func TestRunEndsEverything(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		m := n.member()
		mon, _ := n.Scope("").MonitorScope(t.Context())
		n.cancel()
		if _, err := m.Receive(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatal(err)
		}
		if _, err := mon.Next(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatal(err)
		}
		if _, err := n.Scope("").Join(t.Context(), "g", []eventnode.Member{m}); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatal(err)
		}
		if _, err := n.NewMember(t.Context(), 0); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatal(err)
		}
		n.Receive(eventnode.NodeRef{ID: "x", Epoch: 1}, encoded(&clusterv1.Exchange{}))
		_ = m.Close()
		equal(t, "handles", n.Stats().LocalMembers, 0)
	})
}

// keyFor finds a key that rendezvous hashing gives to a member.
func keyFor(m, other eventnode.Member) string {
	for i := range 1000 {
		key := fmt.Sprint("k", i)
		if h := hashKey(key); rank(h, m.Ref()) > rank(h, other.Ref()) {
			return key
		}
	}
	return ""
}
