package cluster_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/test/cluster"
)

// purgeTime is how soon after a kill -9 the members of a node must be gone on
// the others.
const purgeTime = 3 * time.Second

// A kill -9 is seen, and the members of that node are purged on the others,
// within three seconds; monitors tell the leave, of each member exactly once,
// also when gossip says later that the node is lost.
func TestKilledNodeIsPurgedOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true})
	var want []eventnode.MemberRef
	doomed := c.Node("n2").Client()
	for range 10 {
		want = append(want, heldBy(t, doomed, "g").Ref())
	}
	watchers := []*watcher{watch(t, c.Node("n1")), watch(t, c.Node("n3"))}
	for _, w := range watchers {
		c.Eventually(5*time.Second, func() error { return hasMembers(t, w.node, "g", len(want)) })
	}

	killed := time.Now()
	c.Kill("n2")
	for _, w := range watchers {
		c.Eventually(20*time.Second, func() error { return w.sawLeave(len(want)) })
		took := w.lastLeave().Sub(killed)
		t.Logf("%s: purged %v after the kill", w.node.Name(), took)
		if took > purgeTime {
			t.Errorf("%s: purged %v after the kill, want %v", w.node.Name(), took, purgeTime)
		}
	}
	for _, w := range watchers {
		c.Eventually(30*time.Second, func() error { return isState(t, w.node, "n2", "lost") })
	}
	// What comes after the news of the loss has come after all leaves.
	marker := heldBy(t, c.Node("n1").Client(), "marker")
	for _, w := range watchers {
		c.Eventually(5*time.Second, func() error { return w.sawJoin(marker.Ref()) })
		w.leftOnce(want)
	}
}

// heldBy makes a member that lives through a client, and joins it to a group.
func heldBy(t *testing.T, live eventnode.Live, group string) eventnode.Member {
	t.Helper()
	m, err := live.NewMember(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := live.Scope("").Join(t.Context(), group, members(m)); err != nil {
		t.Fatal(err)
	}
	return m
}

// watcher is a monitor of the default scope on one node.
type watcher struct {
	t    *testing.T
	node *cluster.Node

	mu      sync.Mutex
	joined  []eventnode.MemberRef
	left    []eventnode.MemberRef
	when    time.Time // of the last leave
	resyncs int
}

func watch(t *testing.T, n *cluster.Node) *watcher {
	t.Helper()
	mon, err := n.Client().Scope("").MonitorScope(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mon.Close() })
	w := &watcher{t: t, node: n}
	go func() {
		for ch, err := range mon.All(t.Context()) {
			if err == nil {
				w.take(ch)
			}
		}
	}()
	return w
}

func (w *watcher) take(ch eventnode.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ch.Resync != nil {
		w.resyncs++
	}
	for _, m := range ch.Joined {
		w.joined = append(w.joined, m.Member)
	}
	for _, m := range ch.Left {
		w.left = append(w.left, m.Member)
		w.when = time.Now()
	}
}

func (w *watcher) sawLeave(n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.left) < n {
		return fmt.Errorf("%s: %d of %d leaves told", w.node.Name(), len(w.left), n)
	}
	return nil
}

func (w *watcher) sawJoin(ref eventnode.MemberRef) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.joined, ref) {
		return fmt.Errorf("%s: the join of %v is not told", w.node.Name(), ref)
	}
	return nil
}

func (w *watcher) lastLeave() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.when
}

// leftOnce checks that the leaves told are these, each once, and nothing else.
func (w *watcher) leftOnce(want []eventnode.MemberRef) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	times := map[eventnode.MemberRef]int{}
	for _, ref := range w.left {
		times[ref]++
	}
	for _, ref := range want {
		if times[ref] != 1 {
			w.t.Errorf("%s: the leave of %v was told %d times", w.node.Name(), ref, times[ref])
		}
		delete(times, ref)
	}
	if len(times) > 0 || w.resyncs > 0 {
		w.t.Errorf("%s: leaves of others were told: %v, and %d resyncs", w.node.Name(), times, w.resyncs)
	}
}

func isState(t *testing.T, n *cluster.Node, other eventnode.NodeID, want string) error {
	t.Helper()
	infos, err := n.Cluster().Nodes(t.Context())
	if err != nil {
		return err
	}
	for _, i := range infos {
		if i.ID == other && i.State == want {
			return nil
		}
	}
	return fmt.Errorf("%s does not see %s %s: %+v", n.Name(), other, want, infos)
}
