package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Rows of the feature list that only whole nodes can prove, on three of them.

// P9: a node's death is one leave a group, soon; its return brings back nothing
// of what it held, and it gets what the others hold.
func TestP9_NodeDeathIsOneLeaveAGroup(t *testing.T) {
	virtual(t, 3, func(w *world) {
		mine := w.member("n1")
		two := w.some("n2", 2)
		w.join("n1", "g", mine)
		w.join("n2", "g", two...)
		w.join("n2", "h", two[0], two[0])
		w.allSee("g", mine, two[0], two[1])
		w.allSee("h", two[0], two[0])
		monitors := []*monitor{w.monitorScope("n1"), w.monitorScope("n3"), w.monitor("n1", "h")}
		begin := time.Now()
		w.Kill("n2")
		want := []string{left("g", two...), left("h", two[0], two[0])}
		for _, m := range monitors[:2] {
			got := []string{m.next(), m.next()}
			slices.Sort(got)
			w.equal("changes", got, want)
		}
		monitors[2].tells(want[1])
		if took := time.Since(begin); took > 3*time.Second {
			w.t.Errorf("the members were there for %v", took)
		}
		w.Restart("n2")
		w.sees("n2", "g", mine)
		w.equal("groups", w.groups("n2"), map[string]int{"g": 1})
		for _, m := range monitors {
			m.quiet(time.Minute)
		}
	})
}

// P10: a monitor that is made while others join and leave misses nothing and
// sees nothing twice, whatever it monitors and wherever it is; a client may have
// several, and its end ends them.
func TestP10_SnapshotAndChangesFit(t *testing.T) {
	virtual(t, 3, func(w *world) {
		var workers sync.WaitGroup
		for i := range 3 {
			node := fmt.Sprintf("n%d", i+1)
			s, ms := w.in(node), w.some(node, 2)
			workers.Go(func() {
				for n := range 60 {
					group := fmt.Sprintf("g%d", n%3)
					if _, err := s.Join(w.t.Context(), group, ms); err != nil {
						w.t.Error(err)
					}
					time.Sleep(time.Duration(1+i) * time.Millisecond)
					if n%4 != 0 {
						_, _ = s.Leave(w.t.Context(), group, ms[n%2])
					}
				}
			})
		}
		clients := []eventnode.Live{w.Node("n1").Live(), w.Node("n2").Client(), w.Node("n3").Client()}
		var views []*view
		for n := range 12 {
			views = append(views, w.follow(clients[n%3].Scope("")))
			time.Sleep(5 * time.Millisecond)
		}
		workers.Wait()
		for _, v := range views {
			w.Eventually(settle, v.equalsTable)
			v.close()
		}
		c := w.Node("n2").Client()
		last, err := c.Scope("").Monitor(w.t.Context(), "g0")
		w.must(err)
		w.must(c.Close())
		if _, err := last.Next(w.t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			w.t.Errorf("a monitor of a closed client: %v", err)
		}
	})
}

// P12: both sides of a split go on, and monitor; when it heals each node holds
// what the living owners say.
func TestP12_SplitsMerge(t *testing.T) {
	for name, sides := range map[string][][]string{
		"two ways":   {{"n1", "n2"}, {"n3"}},
		"three ways": {{"n1"}, {"n2"}, {"n3"}},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, 3, func(w *world) {
				var before, after []eventnode.Member
				for _, n := range w.Running() {
					m := w.member(n.Name())
					w.join(n.Name(), "g", m)
					before = append(before, m)
				}
				w.allSee("g", before...)
				w.Partition(sides...)
				time.Sleep(longSplit)
				for i, n := range w.Running() {
					m, mon := w.member(n.Name()), w.monitor(n.Name(), "g")
					w.join(n.Name(), "g", m)
					for ch := ""; ch != joined("g", m); ch = mon.next() {
						// the others of this side join, too
					}
					w.leave(n.Name(), "g", before[i])
					after = append(after, m)
				}
				w.Heal()
				w.allSee("g", after...)
			})
		})
	}
}

// P13: a node that comes late gets everything, with multiplicity and metadata,
// from whoever has it.
func TestP13_LateJoinerGetsEverything(t *testing.T) {
	virtual(t, 3, func(w *world) {
		w.Kill("n3")
		ms := append(w.some("n1", 2), w.some("n2", 2)...)
		for i := range 100 {
			group := fmt.Sprintf("g%d", i)
			w.join("n1", group, ms[0], ms[0], ms[1])
			w.join("n2", group, ms[2:]...)
		}
		w.must(w.in("n2").SetMeta(w.t.Context(), "g7", ms[3], "blue"))
		w.Restart("n3")
		w.Eventually(settle, func() error { return sameGroups(w.in("n1"), w.in("n3")) })
		w.equal("groups", len(w.groups("n3")), 100)
		w.equal("of g7", w.groups("n3")["g7"], 5)
		found, err := w.in("n3").Members(w.t.Context(), "g7")
		w.must(err)
		if !slices.Contains(spelled(found), ms[3].Ref().String()+"=blue") {
			w.t.Errorf("metadata is missing: %v", spelled(found))
		}
	})
}

// P15: thousands of joins at the same time, on all nodes, are seen everywhere a
// second later. (PG-T10 is the part about nodes that fetch everything.)
func TestP15_ManyJoinsAtOnce(t *testing.T) {
	virtual(t, 3, func(w *world) {
		var joiners sync.WaitGroup
		for _, n := range w.Running() {
			s := w.in(n.Name())
			for _, m := range w.some(n.Name(), 20) {
				joiners.Go(func() {
					for g := range 50 {
						if _, err := s.Join(w.t.Context(), fmt.Sprintf("g%d", g), []eventnode.Member{m}); err != nil {
							w.t.Error(err)
						}
					}
				})
			}
		}
		joiners.Wait()
		w.Eventually(time.Second, func() error {
			for _, n := range w.Running() {
				for g, size := range w.groups(n.Name()) {
					if size != 60 {
						return fmt.Errorf("%s has %d members for %s", g, size, n.Name())
					}
				}
				if got := len(w.groups(n.Name())); got != 50 {
					return fmt.Errorf("%s has %d groups", n.Name(), got)
				}
			}
			return nil
		})
	})
}

// P18x: what a client joined survives its node: on that node when it is back,
// or on another one that the client knows. The member is told that it may have
// missed something.
func TestP18x_ClientsJoinAgain(t *testing.T) {
	virtual(t, 3, func(w *world) {
		w.Kill("n3") // or the second client might begin there
		waiting, moving := w.Node("n2").Client(), w.Node("n2").Client(w.Node("n3"))
		w.Restart("n3")
		a, b := w.memberOf(waiting), w.memberOf(moving)
		for client, m := range map[eventnode.Live]eventnode.Member{waiting: a, moving: b} {
			_, err := client.Scope("").Join(w.t.Context(), "g", []eventnode.Member{m, m}, eventnode.WithMeta("blue"))
			w.must(err)
		}
		blue := func(ms ...eventnode.Member) (want []string) {
			for _, m := range ms {
				want = append(want, m.Ref().String()+"=blue", m.Ref().String()+"=blue")
			}
			slices.Sort(want)
			return want
		}
		w.Eventually(settle, func() error { return holds(w.in("n1"), "g", blue(a, b)) })
		w.Kill("n2")
		w.Eventually(settle, func() error { return holds(w.in("n1"), "g", blue(b)) })
		w.equal("the one that went to another node", b.Ref().Node.ID, "n3")
		w.Restart("n2")
		w.Eventually(settle, func() error { return holds(w.in("n1"), "g", blue(a, b)) })
		w.equal("the one that waited", a.Ref().Node.ID, "n2")
		for client, m := range map[string]eventnode.Member{"waiting": a, "moving": b} {
			if got := w.received(m); got.Gap == nil || got.Gap.Reason != eventnode.GapReconnected {
				w.t.Errorf("%s: got %+v, want a gap", client, got)
			}
		}
	})
}

// P20x: no group outlives its members, on no node and at no later time.
func TestP20x_NoPhantomGroups(t *testing.T) {
	virtual(t, 3, func(w *world) {
		m := w.member("n2")
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprintf("g%d", i))
		}
		_, err := w.in("n2").JoinMany(w.t.Context(), names, m)
		w.must(err)
		w.Eventually(settle, func() error { return sameGroups(w.in("n2"), w.in("n1")) })
		w.Cut("n2", "n3") // n3 knows them from n1 only
		w.Kill("n2")
		w.noGroups("n1")
		w.noGroups("n3")
		w.Heal()
		for range 60 {
			time.Sleep(time.Second)
			w.equal("groups", len(w.groups("n1"))+len(w.groups("n3")), 0)
		}
	})
}

// P21x: a client that monitors what it has joined ends cleanly.
func TestP21x_MonitorAndMemberEndTogether(t *testing.T) {
	virtual(t, 3, func(w *world) {
		for range 10 {
			c := w.Node("n2").Client()
			m := w.memberOf(c)
			_, err := c.Scope("").MonitorScope(w.t.Context())
			w.must(err)
			_, err = c.Scope("").Monitor(w.t.Context(), "g")
			w.must(err)
			_, err = c.Scope("").Join(w.t.Context(), "g", []eventnode.Member{m, m})
			w.must(err)
			w.allSee("g", m, m)
			mon, want := w.monitor("n1", "g"), left("g", m, m)
			w.must(c.Close())
			mon.tells(want)
			w.noGroups("n3")
			mon.quiet(time.Second)
			mon.Close()
		}
		w.must(w.Linked())
	})
}

// P24x: many groups are one change, and a join that waits returns when every
// living node knows, or says who does not.
func TestP24x_JoinAndWait(t *testing.T) {
	virtual(t, 3, func(w *world) {
		for name, live := range map[string]eventnode.Live{"embedded": w.Node("n1").Live(), "client": w.Node("n1").Client()} {
			m, groups := w.memberOf(live), []string{"a", "b", "c"}
			s := live.Scope("")
			res, err := s.JoinMany(w.t.Context(), groups, m, eventnode.WithJoinWait(5*time.Second))
			w.must(err)
			w.equal(name, res, eventnode.JoinResult{Joined: 3})
			for _, n := range w.Running() { // without waiting
				for _, g := range groups {
					w.must(holds(w.in(n.Name()), g, refs(m)))
				}
			}
			gone, err := s.LeaveMany(w.t.Context(), append(groups, "d"), m)
			w.must(err)
			w.equal(name, gone, eventnode.LeaveResult{Left: 3, NotJoined: 1})
			w.noGroups("n3")

			w.Partition([]string{"n3"})
			begin := time.Now()
			res, err = s.Join(w.t.Context(), "a", []eventnode.Member{m}, eventnode.WithJoinWait(time.Second))
			w.must(err)
			w.equal(name, res, eventnode.JoinResult{Joined: 1, Missing: []eventnode.NodeID{"n3"}})
			w.equal(name+" waited", time.Since(begin).Round(100*time.Millisecond), time.Second)
			w.Heal()
			w.sees("n3", "a", m)
			w.Eventually(settle, w.Linked)
			w.must(m.Close())
			w.noGroups("n3")
		}
	})
}

// P25x: a network, or a machine, that is away for a few seconds makes nobody
// leave or join; what is joined meanwhile is known afterwards. (Each in a cluster
// of its own: a node that has missed others of late probes more slowly, and would
// be refuted too late if that came again soon.)
func TestP25x_FlapIsNoLeave(t *testing.T) {
	for name, away := range map[string]func(w *world){
		"all apart":              func(w *world) { w.Partition([]string{"n1"}, []string{"n2"}, []string{"n3"}) },
		"one apart":              func(w *world) { w.Partition([]string{"n2"}) },
		"one way":                func(w *world) { w.Cut("n2", "n1") },
		"a machine stands still": func(w *world) { w.Pause("n2") },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, 3, func(w *world) {
				mine, other := w.member("n1"), w.member("n2")
				w.join("n1", "g", mine)
				w.join("n2", "g", other)
				w.allSee("g", mine, other)
				var monitors []*monitor
				for _, n := range w.Running() {
					monitors = append(monitors, w.monitorScope(n.Name()))
				}
				away(w)
				w.join("n1", "late", mine)
				time.Sleep(flap)
				w.Heal()
				w.Resume("n2")
				w.Eventually(settle, w.Linked)
				for _, m := range monitors {
					m.tells(joined("late", mine))
				}
				time.Sleep(20 * time.Second) // nobody is still suspected
				w.must(w.Linked())
				for _, m := range monitors {
					m.quiet(time.Second)
				}
			})
		})
	}
}

// flap is how long what is away is away.
const flap = 3 * time.Second

// N1: consumers join and leave a group at run time, from any node; a client that
// ends leaves by itself.
func TestN1_ConsumersComeAndGo(t *testing.T) {
	virtual(t, 3, func(w *world) {
		clients := map[string]eventnode.Live{"n1": w.Node("n1").Client(), "n2": w.Node("n2").Live(), "n3": w.Node("n3").Client()}
		mon := w.monitor("n2", "consumers")
		consumers := map[string]eventnode.Member{}
		for _, node := range []string{"n1", "n2", "n3"} {
			m := w.memberOf(clients[node])
			_, err := clients[node].Scope("").Join(w.t.Context(), "consumers", []eventnode.Member{m})
			w.must(err)
			mon.tells(joined("consumers", m))
			consumers[node] = m
		}
		reached := func(want int) {
			w.t.Helper()
			res, err := w.in("n2").Broadcast(w.t.Context(), "consumers", event.New("tick", nil))
			w.must(err)
			w.equal("reached", res, eventnode.BroadcastResult{Delivered: want})
		}
		reached(3)
		w.leave("n2", "consumers", consumers["n2"])
		mon.tells(left("consumers", consumers["n2"]))
		reached(2)
		gone := left("consumers", consumers["n3"])
		w.must(clients["n3"].(interface{ Close() error }).Close())
		mon.tells(gone)
		reached(1)
		w.equal("received", w.received(consumers["n1"]).Event.Name, "tick")
	})
}

// N2: every member gets every event, in the order of each publisher; who joined
// twice gets each twice.
func TestN2_EveryMemberGetsEveryEvent(t *testing.T) {
	virtual(t, 3, func(w *world) {
		client := w.Node("n3").Client()
		once, twice, remote := w.member("n1"), w.member("n2"), w.memberOf(client)
		w.join("n1", "g", once)
		w.join("n2", "g", twice, twice)
		_, err := client.Scope("").Join(w.t.Context(), "g", []eventnode.Member{remote})
		w.must(err)
		w.allSee("g", once, twice, twice, remote)
		const each = 50
		var publishers sync.WaitGroup
		for _, n := range w.Running() {
			s := n.Live().Scope("")
			publishers.Go(func() {
				for i := range each {
					ev := event.New(fmt.Sprintf("%s:%03d", n.Name(), i), nil)
					if res, err := s.Broadcast(w.t.Context(), "g", ev); err != nil || res.Delivered != 4 {
						w.t.Errorf("%+v, %v", res, err)
					}
				}
			})
		}
		publishers.Wait()
		for m, times := range map[eventnode.Member]int{once: 1, twice: 2, remote: 1} {
			w.inOrder(m, times, each)
		}
	})
}

// received is the next that a member receives.
func (w *world) received(m eventnode.Member) eventnode.Received {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), settle)
	defer cancel()
	r, err := m.Receive(ctx)
	if err != nil {
		w.t.Fatalf("%v has received nothing: %v", m.Ref(), err)
	}
	return r
}

// inOrder checks that a member got, of each node, as many events, in order, each
// as often as it has joined.
func (w *world) inOrder(m eventnode.Member, times, each int) {
	w.t.Helper()
	got := map[string][]string{}
	for range 3 * times * each {
		r := w.received(m)
		if r.Gap != nil {
			w.t.Fatalf("a gap: %+v", r.Gap)
		}
		publisher, _, _ := strings.Cut(r.Event.Name, ":")
		got[publisher] = append(got[publisher], r.Event.Name)
	}
	for publisher, names := range got {
		if len(names) != times*each || !slices.IsSorted(names) {
			w.t.Errorf("of %s: %v", publisher, names)
		}
	}
}
