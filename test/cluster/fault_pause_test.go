package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/test/cluster"
)

// A stopped node (SIGSTOP) holds a publisher up once, for the 250 ms after which
// its link counts as stalled; subscribers elsewhere get everything. When it goes
// on (SIGCONT) its subscriber is told at the place exactly how many are missing,
// and gets what comes after.
func TestPausedNodeSlowsNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	const (
		size  = 16 << 10
		stall = 250 * time.Millisecond
	)
	c := cluster.Start(t, cluster.Config{Processes: true})
	healthy := follow(t, "healthy", c.Node("n2").Client(), "topic:x", eventnode.WithQueue(1<<20, 256<<20))
	stopped := follow(t, "stopped", c.Node("n3").Client(), "topic:x", eventnode.WithQueue(1<<20, 256<<20))
	p, err := c.Node("n1").Client().NewPublisher(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sent uint64
	// push publishes for a while and returns the longest time that one event
	// took until the node had accepted it.
	push := func(until func() bool) (longest time.Duration) {
		for !until() {
			began := time.Now()
			sent++
			if _, err := p.Dispatch(t.Context(), "topic:x", counted(sent, size)); err != nil {
				t.Fatal(err)
			}
			if err := p.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			longest = max(longest, time.Since(began))
		}
		return longest
	}
	lasting := func(d time.Duration) func() bool {
		end := time.Now().Add(d)
		return func() bool { return time.Now().After(end) }
	}
	usual := push(lasting(time.Second))

	c.Pause("n3")
	giveUp := lasting(30 * time.Second)
	longest := push(func() bool { return sent%100 == 0 && (dropped(t, c, "n3") > 0 || giveUp()) })
	if dropped(t, c, "n3") == 0 {
		t.Fatal("nothing was dropped for the stopped node: the test did not fill its buffers")
	}
	after := push(lasting(time.Second))
	c.Resume("n3")

	// What the machine itself takes from a run of four processes is measured
	// before the pause; a busy one may take it twice. A publisher that waited
	// for the stopped node would wait for seconds.
	slack := stall + 2*usual
	t.Logf("the longest dispatch: usually %v, until the link counted as stalled %v, then %v", usual, longest, after)
	if longest > stall+slack {
		t.Errorf("one dispatch took %v, want %v and a slack of %v", longest, stall, slack)
	}
	if after > slack {
		t.Errorf("one dispatch took %v while the link was known to be stalled, want at most %v", after, slack)
	}
	c.Eventually(20*time.Second, func() error { return complete(healthy, sent) })
	if s := healthy.now(); len(s.gaps) > 0 {
		t.Errorf("the subscriber on the healthy node has gaps: %v", s.gaps)
	}

	c.Eventually(20*time.Second, func() error { return ended(t, p, &sent, stopped) })
	s := stopped.now()
	if s.told == 0 {
		t.Errorf("the subscriber of the stopped node was told no count: gaps %v", s.gaps)
	}
	if !s.unknown() && s.got+s.told != sent {
		t.Errorf("of %d events %d came and %d were told missing: gaps %v", sent, s.got, s.told, s.gaps)
	}
	t.Logf("stopped: %d of %d, gaps %v", s.got, sent, s.gaps)
}

// dropped is how many events n1 has dropped for another node.
func dropped(t *testing.T, c *cluster.Cluster, name eventnode.NodeID) uint64 {
	t.Helper()
	infos, err := c.Node("n1").Cluster().Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		if i.ID == name {
			return i.LinkDropped
		}
	}
	return 0
}

// ended sends one event more and says nil if the last one has come.
func ended(t *testing.T, p eventnode.Publisher, sent *uint64, y *tally) error {
	t.Helper()
	if s := y.now(); s.last == *sent {
		return nil
	}
	*sent++
	dispatchTo(t, p, "topic:x", *sent)
	return fmt.Errorf("%w: %s is at %d of %d", errShort, y.name, y.now().last, *sent)
}

// A node that was stopped for so long that the others held it lost comes back by
// itself when it goes on: the same life, its members are listed again, events
// reach it.
func TestNodePausedForLongComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true})
	before := epochs(t, c)
	heldBy(t, c.Node("n3").Client(), "g")
	c.Eventually(5*time.Second, func() error { return hasMembers(t, c.Node("n1"), "g", 1) })
	c.Pause("n3")
	for _, name := range []string{"n1", "n2"} {
		c.Eventually(40*time.Second, func() error { return isState(t, c.Node(name), "n3", "lost") })
		c.Eventually(5*time.Second, func() error { return hasMembers(t, c.Node(name), "g", 0) })
	}
	c.Resume("n3")
	c.Eventually(20*time.Second, c.Linked)
	if after := epochs(t, c); after["n3"] != before["n3"] {
		t.Errorf("n3 came back as epoch %d, it was %d", after["n3"], before["n3"])
	}
	for _, n := range c.Running() {
		c.Eventually(10*time.Second, func() error { return hasMembers(t, n, "g", 1) })
	}
	reaches(t, c)
}
