package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/test/cluster"
)

// The tests that the authors of Erlang's pg wrote for it, told again on whole
// nodes. Where eventnode differs from pg on purpose the story says so. Those that
// need neither a broken network nor a long wait are told a second time to
// processes of the real binary, through clients: see pgSuite. The hostile ones,
// PG-T3, PG-T7, PG-T21 and PG-T25, are in pg_stranger_test.go; PG-T26 is
// pg_model_test.go.

func TestPGT1_pg(t *testing.T)                { virtual(t, 1, pgT1) }
func TestPGT2_single(t *testing.T)            { virtual(t, 1, pgT2) }
func TestPGT4_leaveExitRace(t *testing.T)     { virtual(t, 2, pgT4) }
func TestPGT5_dynDistribution(t *testing.T)   { virtual(t, 1, pgT5) }
func TestPGT6_processOwnerCheck(t *testing.T) { virtual(t, 2, pgT6) }
func TestPGT8_two(t *testing.T)               { virtual(t, 2, pgT8) }
func TestPGT9_emptyGroupByRemoteLeave(t *testing.T) {
	virtual(t, 2, pgT9)
}
func TestPGT10_thunderingHerd(t *testing.T)   { virtual(t, 3, pgT10) }
func TestPGT11_initial(t *testing.T)          { virtual(t, 2, pgT11) }
func TestPGT12_netsplit(t *testing.T)         { virtual(t, 2, pgT12) }
func TestPGT13_trisplit(t *testing.T)         { virtual(t, 3, pgT13) }
func TestPGT14_foursplit(t *testing.T)        { virtual(t, 4, pgT14) }
func TestPGT15_exchange(t *testing.T)         { virtual(t, 3, pgT15) }
func TestPGT16_nolocal(t *testing.T)          { virtual(t, 2, pgT16) }
func TestPGT17_double(t *testing.T)           { virtual(t, 2, pgT17) }
func TestPGT18_scopeRestart(t *testing.T)     { virtual(t, 2, pgT18) }
func TestPGT19_missingScopeJoin(t *testing.T) { virtual(t, 1, pgT19) }
func TestPGT20_disconnectedStart(t *testing.T) {
	virtual(t, 2, pgT20)
}
func TestPGT22_groupLeave(t *testing.T)           { virtual(t, 2, pgT22) }
func TestPGT23_monitorNonemptyScope(t *testing.T) { virtual(t, 2, pgT23) }
func TestPGT24_monitor(t *testing.T)              { virtual(t, 3, pgT24) }

// The suite on processes of the real binary: members, monitors and reads go
// through clients. One cluster serves all stories, one after the other.
func TestPGOnProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	pgSuite(t, func(t *testing.T) *cluster.Cluster {
		return cluster.Start(t, cluster.Config{Nodes: 3, Processes: true})
	})
}

// pgSuite tells the stories that run on any kind of cluster to one of three
// nodes.
func pgSuite(t *testing.T, start func(t *testing.T) *cluster.Cluster) {
	c := start(t)
	for _, s := range []struct {
		name  string
		story func(w *world)
	}{
		{"PGT1_pg", pgT1}, {"PGT2_single", pgT2}, {"PGT4_leaveExitRace", pgT4}, {"PGT6_processOwnerCheck", pgT6},
		{"PGT9_emptyGroupByRemoteLeave", pgT9}, {"PGT16_nolocal", pgT16}, {"PGT17_double", pgT17},
		{"PGT19_missingScopeJoin", pgT19}, {"PGT23_monitorNonemptyScope", pgT23},
		{"PGT8_two", pgT8}, {"PGT10_thunderingHerd", pgT10}, {"PGT11_initial", pgT11}, {"PGT18_scopeRestart", pgT18},
		{"PGT22_groupLeave", pgT22}, {"PGT24_monitor", pgT24},
	} {
		t.Run(s.name, func(t *testing.T) {
			s.story(&world{Cluster: c, t: t, scope: s.name})
			c.Eventually(settle, c.Linked) // whoever was restarted is back for the next story
		})
	}
}

// The default scope: a member joins and leaves.
func pgT1(w *world) {
	w.scope = ""
	m := w.member("n1")
	w.join("n1", "g", m)
	w.equal("local members", w.local("n1", "g"), refs(m))
	w.equal("groups", w.groups("n1"), map[string]int{"g": 1})
	w.equal("local groups", w.localGroups("n1"), map[string]int{"g": 1})
	w.leave("n1", "g", m)
	w.equal("local members", w.local("n1", "g"), refs())
	w.equal("groups", len(w.groups("n1"))+len(w.localGroups("n1")), 0)
}

// A member joined three times is listed three times, and leaves three times.
func pgT2(w *world) {
	m, dying := w.member("n1"), w.member("n1")
	w.join("n1", "g", m)
	w.join("n1", "g", m, m)
	w.equal("local members", w.local("n1", "g"), refs(m, m, m))
	w.notJoined("n1", "missing", m)
	w.notJoined("n1", "missing", m, m)
	w.leave("n1", "g", m, m)
	w.leave("n1", "g", m)
	w.equal("groups", len(w.groups("n1")), 0)
	w.join("n1", "g", dying)
	w.must(dying.Close())
	w.noGroups("n1")
}

// A member that ends while it joins and leaves is in no group afterwards.
func pgT4(w *world) {
	s := w.in("n1")
	for range 100 {
		m := w.member("n1")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = s.Join(context.Background(), "g", []eventnode.Member{m, m})
			_, _ = s.Leave(context.Background(), "g", m)
		}()
		w.must(m.Close())
		<-done
	}
	w.noGroups("n1")
	w.noGroups("n2")
}

// A node ignores its own coming: it is among its own seeds, and still one node.
func pgT5(w *world) {
	m := w.member("n1")
	w.join("n1", "g", m)
	time.Sleep(time.Minute) // it tries its seeds again and again while it is alone
	infos, err := w.Node("n1").Cluster().Nodes(w.t.Context())
	w.must(err)
	w.equal("nodes", len(infos), 1)
	w.equal("members", w.local("n1", "g"), refs(m))
}

// Only the owner joins and leaves a member; a list with a stranger's changes
// nothing at all.
func pgT6(w *world) {
	mine, other := w.member("n1"), w.member("n2")
	s := w.in("n1")
	for _, list := range [][]eventnode.Member{{other}, {other, other}, {mine, other}, {nil}, {mine, nil}} {
		if _, err := s.Join(w.t.Context(), "g", list); !errors.Is(err, eventnode.ErrNotOwner) {
			w.t.Errorf("join of %v: %v", list, err)
		}
		if _, err := s.Leave(w.t.Context(), "g", list...); !errors.Is(err, eventnode.ErrNotOwner) {
			w.t.Errorf("leave of %v: %v", list, err)
		}
	}
	if _, err := s.JoinMany(w.t.Context(), []string{"g", "h"}, other); !errors.Is(err, eventnode.ErrNotOwner) {
		w.t.Error(err)
	}
	if err := s.SetMeta(w.t.Context(), "g", other, "x"); !errors.Is(err, eventnode.ErrNotOwner) {
		w.t.Error(err)
	}
	w.equal("groups", len(w.groups("n1")), 0)
}

// A remote member is seen, but is not local; its end and its node's end are.
func pgT8(w *world) {
	m1, m2 := w.member("n2"), w.member("n2")
	w.join("n2", "g", m1)
	w.equal("its own join", w.local("n2", "g"), refs(m1)) // at once
	w.sees("n1", "g", m1)
	w.equal("local members", w.local("n1", "g"), refs())
	w.must(m1.Close())
	w.sees("n1", "g")
	m1 = w.member("n2")
	w.join("n2", "g", m1, m2)
	w.sees("n1", "g", m1, m2)
	w.Kill("n2")
	w.sees("n1", "g")
	w.noGroups("n1")
	w.Restart("n2")
}

// A group that was emptied from afar is no group.
func pgT9(w *world) {
	a, b := w.member("n2"), w.member("n2")
	w.join("n2", "g", a)
	w.sees("n1", "g", a)
	w.leave("n2", "g", a)
	w.noGroups("n1")
	w.join("n2", "g", a, b)
	w.sees("n1", "g", a, b)
	w.leave("n2", "g", b, a)
	w.noGroups("n1")
}

// 10,000 groups, and others that fetch all of them again and again: a join goes
// on within 5 s. pg counts redundant syncs of one peer; here nobody syncs what
// it has, so a node is started anew for each. On processes the time is real.
func pgT10(w *world) {
	m, late := w.member("n1"), w.member("n1")
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprintf("herd-%d", i))
	}
	_, err := w.in("n1").JoinMany(w.t.Context(), names, m)
	w.must(err)
	slowest := time.Duration(0)
	for i := range 4 {
		w.Restart("n2")
		begin := time.Now()
		w.join("n1", fmt.Sprintf("late-%d", i), late)
		w.sees("n2", fmt.Sprintf("late-%d", i), late)
		slowest = max(slowest, time.Since(begin))
	}
	w.t.Logf("the slowest join took %v until it was seen", slowest)
	if slowest > 5*time.Second {
		w.t.Errorf("a join took %v", slowest)
	}
	w.equal("groups", len(w.groups("n2")), 10_004)
	w.must(m.Close())
	w.must(late.Close())
	w.noGroups("n2")
}

// Who starts later gets what is there.
func pgT11(w *world) {
	w.Kill("n2")
	m := w.member("n1")
	w.join("n1", "g", m)
	w.Restart("n2")
	w.sees("n2", "g", m)
	w.equal("local members", w.local("n2", "g"), refs())
}

// longSplit outlasts the patience of the gossip: each side loses the other.
const longSplit = time.Minute

// What was done on both sides of a split is merged when it heals; who moved is
// in its new group only.
func pgT12(w *world) {
	m, moved, other := w.member("n1"), w.member("n2"), w.member("n2")
	w.join("n2", "old", moved)
	w.sees("n1", "old", moved)
	w.Partition([]string{"n1"}, []string{"n2"})
	w.sees("n1", "old")
	w.join("n1", "a", m)
	w.join("n2", "b", other)
	w.leave("n2", "old", moved)
	w.join("n2", "new", moved)
	time.Sleep(longSplit)
	w.Heal()
	for group, ms := range map[string][]eventnode.Member{"a": {m}, "b": {other}, "new": {moved}, "old": nil} {
		w.allSee(group, ms...)
	}
}

// Two nodes split and join again while a third is away: it sees the member, too.
func pgT13(w *world) {
	w.Kill("n3")
	w.Partition([]string{"n1"}, []string{"n2"})
	time.Sleep(longSplit)
	m := w.member("n2")
	w.join("n2", "g", m)
	w.Heal()
	w.sees("n1", "g", m)
	w.Restart("n3")
	w.sees("n3", "g", m)
}

// A leave on one of four islands is a leave for all of them afterwards.
func pgT14(w *world) {
	m := w.member("n2")
	w.join("n2", "g", m)
	w.allSee("g", m)
	w.Partition([]string{"n1"}, []string{"n2"}, []string{"n3"}, []string{"n4"})
	time.Sleep(longSplit)
	w.leave("n2", "g", m)
	w.notJoined("n2", "g", m)
	w.join("n2", "h", m)
	w.Heal()
	w.allSee("h", m)
	w.allSee("g")
}

// 30 members on three nodes, three of them end, the nodes part, others join
// meanwhile: the exact multiset is everywhere. A partial leave is counted, where
// pg says nothing.
func pgT15(w *world) {
	var ms []eventnode.Member
	for i := range 30 {
		node := fmt.Sprintf("n%d", i%3+1)
		m := w.member(node)
		w.join(node, "g", m)
		ms = append(ms, m)
	}
	w.allSee("g", ms...)
	for _, m := range ms[:3] {
		w.must(m.Close())
	}
	w.Partition([]string{"n1"}, []string{"n2"}, []string{"n3"})
	time.Sleep(longSplit)
	on2, on3, on1 := w.member("n2"), w.member("n3"), w.member("n1")
	w.join("n2", "g", on2)
	w.join("n3", "g", on3, on3)
	w.join("n1", "g", on1)
	res := w.leave("n3", "g", on3, on3, on3)
	w.equal("partial leave", res, eventnode.LeaveResult{Left: 2, NotJoined: 1})
	w.notJoined("n1", "none", on1)
	w.Heal()
	w.allSee("g", append(slices.Clone(ms[3:]), on1, on2)...)
}

// A remote member is never a local one, however often it joined.
func pgT16(w *world) {
	m := w.member("n2")
	w.join("n2", "g", m, m)
	w.sees("n1", "g", m, m)
	w.equal("local", len(w.local("n1", "g"))+len(w.localGroups("n1")), 0)
	w.must(m.Close())
	w.noGroups("n1")
}

// Multiplicity is seen everywhere.
func pgT17(w *world) {
	m := w.member("n2")
	w.join("n2", "g", m)
	w.join("n2", "g", m)
	w.sees("n1", "g", m, m)
	w.leave("n2", "g", m)
	w.sees("n1", "g", m)
	w.must(m.Close())
	w.noGroups("n1")
}

// Inverted: pg's own members are lost when its scope restarts. Here they belong
// to the clients that joined them, and a client joins again by itself. The
// others' members are back as in pg. (A member of an embedded node ends with
// that node's process: nobody is there to join it again.)
func pgT18(w *world) {
	c := w.Node("n1").Client()
	mine, other := w.memberOf(c), w.member("n2")
	_, err := c.Scope(w.scope).Join(w.t.Context(), "g", []eventnode.Member{mine, mine})
	w.must(err)
	w.join("n2", "g", other)
	w.sees("n1", "g", mine, mine, other)
	before := mine.Ref()
	w.Kill("n1")
	w.sees("n2", "g", other)
	w.Restart("n1")
	w.Eventually(settle, func() error { // its ref is a new one, known a little later
		return holds(w.in("n2"), "g", refs(mine, mine, other))
	})
	w.sees("n1", "g", mine, mine, other)
	if mine.Ref() == before || mine.Ref().Node.ID != "n1" {
		w.t.Errorf("the member was %v and is %v", before, mine.Ref())
	}
	w.must(mine.Close())
	w.must(other.Close())
	w.noGroups("n1")
}

// A scope that nobody used is empty to all questions. In pg half of them fail,
// and so do joins: here the first join makes the scope.
func pgT19(w *world) {
	w.scope += "/never used"
	m := w.member("n1")
	w.equal("members", w.local("n1", "g"), refs())
	w.sees("n1", "g")
	w.equal("groups", len(w.groups("n1"))+len(w.localGroups("n1")), 0)
	w.notJoined("n1", "g", m)
	w.join("n1", "g", m)
	w.sees("n1", "g", m)
	w.must(m.Close())
}

// A node may start, and stop, where it reaches nobody.
func pgT20(w *world) {
	w.Partition([]string{"n1"}, []string{"n2"})
	w.Kill("n1")
	w.Restart("n1")
	w.Stop("n1")
	w.Restart("n1")
	m := w.member("n1")
	w.join("n1", "g", m)
	w.sees("n2", "g")
	w.Heal()
	w.sees("n2", "g", m)
}

// 16 join, 4 leave, the node stops.
func pgT22(w *world) {
	ms := w.some("n2", 16)
	w.join("n2", "g", ms...)
	w.sees("n1", "g", ms...)
	w.leave("n2", "g", ms[:4]...)
	w.sees("n1", "g", ms[4:]...)
	w.Stop("n2")
	w.sees("n1", "g")
	w.noGroups("n1")
	w.Restart("n2")
}

// A monitor of a scope begins with local and remote members, again and again.
func pgT23(w *world) {
	mine, other := w.member("n1"), w.member("n2")
	w.join("n1", "g", mine)
	w.join("n2", "g", other)
	w.sees("n1", "g", mine, other)
	want := map[string][]string{"g": refs(mine, other)}
	for range 2 {
		mon := w.monitorScope("n1")
		w.equal("snapshot", mon.snapshot(), want)
		if !mon.Close() {
			w.t.Error("the monitor was closed already")
		}
	}
	w.must(mine.Close())
	w.must(other.Close())
}

// The whole life of monitors of a group and of a scope, on the node of the
// members and on two others.
func pgT24(w *world) {
	for name, open := range map[string]func(node string) *monitor{
		"group": func(node string) *monitor { return w.monitor(node, "g") },
		"scope": w.monitorScope,
	} {
		w.t.Log("monitors of a", name)
		mine, other := w.member("n1"), w.member("n2")
		first := open("n1")
		w.equal("an empty beginning", first.snapshot(), map[string][]string{})
		w.join("n1", "g", mine)
		first.tells(joined("g", mine))
		second := open("n1")
		w.equal("a beginning", second.snapshot(), map[string][]string{"g": refs(mine)})
		w.sees("n3", "g", mine)
		third := open("n3")
		w.join("n2", "g", other, other) // one change
		w.sees("n1", "g", mine, other, other)
		w.sees("n3", "g", mine, other, other) // the order between origins is open
		w.leave("n1", "g", mine)
		w.sees("n3", "g", other, other)
		w.leave("n2", "g", other)
		for _, mon := range []*monitor{first, second} {
			mon.tells(joined("g", other, other))
			mon.tells(left("g", mine))
			mon.tells(left("g", other))
		}
		third.tells(joined("g", other, other)) // each origin in its order
		third.tells(left("g", mine))
		third.tells(left("g", other))
		w.equal("closed", []bool{second.Close(), second.Close()}, []bool{true, false})
		w.Stop("n2")
		first.tells(left("g", other))
		third.tells(left("g", other))
		if ch, err := second.Next(w.t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			w.t.Errorf("after its end a monitor tells %q, %v", change(ch), err)
		}
		w.Restart("n2")
		first.Close()
		third.Close()
		w.must(mine.Close())
	}
}
