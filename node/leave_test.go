package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// life is one run of a node that a test may end itself.
type life struct {
	*node.Node
	cfg  node.Config
	stop context.CancelFunc
	done chan error // holds what Run returned
}

// live starts a node and does not wait until it is ready.
func live(t *testing.T, cfg node.Config) *life {
	t.Helper()
	if cfg.GossipAddress == "" {
		cfg.GossipAddress, cfg.RPCAddress = "127.0.0.1:0", "127.0.0.1:0"
	}
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &life{Node: n, cfg: cfg, stop: stop, done: make(chan error, 1)}
	go func() { l.done <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-l.done
	})
	return l
}

// ended waits for the end of Run.
func (l *life) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-l.done:
		l.done <- err // for the next one
		return err
	case <-time.After(30 * time.Second):
		t.Fatalf("%s has not ended", l.cfg.ID)
		return nil
	}
}

func (l *life) end(t *testing.T) {
	t.Helper()
	l.stop()
	if err := l.ended(t); err != nil {
		t.Fatal(err)
	}
}

// cluster starts nodes with storage that found a cluster with a stream, and waits
// until all vote.
func cluster(t *testing.T, n int, cfg node.Config) []*life {
	t.Helper()
	var nodes []*life
	for i := range n {
		c := cfg
		c.ID, c.DataDir = eventnode.NodeID(fmt.Sprintf("n%d", i+1)), t.TempDir()
		c.Storage.BootstrapExpect = n
		if i > 0 {
			c.Seeds = []string{nodes[0].GossipAddress()}
		}
		l := live(t, c)
		<-l.Ready()
		nodes = append(nodes, l)
	}
	declare(t, nodes[0])
	return nodes
}

func declare(t *testing.T, l *life) {
	t.Helper()
	s := dial(t, l.Node).Streams()
	eventually(t, "declared", func() bool {
		_, err := s.Declare(t.Context(), "orders", eventnode.StreamConfig{})
		return err == nil
	})
	publishOne(t, l)
}

func publishOne(t *testing.T, l *life) {
	t.Helper()
	if _, err := dial(t, l.Node).Streams().Publish(t.Context(), "orders", event.New("e", []byte("data"))); err != nil {
		t.Fatalf("publish at %s: %v", l.cfg.ID, err)
	}
}

// voters is how many replicas vote, as a node that has ended knows.
func voters(t *testing.T, l *life) int {
	t.Helper()
	c, err := node.InspectData(l.cfg.DataDir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return len(c.Voters) + 1
}

// notice waits until a node's status has a notice with these words.
func notice(t *testing.T, l *life, words string) {
	t.Helper()
	eventually(t, words, func() bool {
		s, err := l.Status(t.Context())
		return err == nil && strings.Contains(strings.Join(s.Notices, "\n"), words)
	})
}

// quiet waits until a node has nothing to say.
func quiet(t *testing.T, nodes ...*life) {
	t.Helper()
	for _, l := range nodes {
		eventually(t, "no notices at "+string(l.cfg.ID), func() bool {
			s, err := l.Status(t.Context())
			return err == nil && len(s.Notices) == 0
		})
	}
}

// A node that leaves is replaced first, gives up its vote, and ends; its directory is
// of no use any more, and what was there is there.
func TestLeave(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 3, node.Config{})
	seeds := []string{nodes[0].GossipAddress()}
	spare := live(t, node.Config{ID: "n4", DataDir: t.TempDir(), Seeds: seeds})
	<-spare.Ready()
	eventually(t, "joined", func() bool { return uuidOf(t, spare.Node) == uuidOf(t, nodes[0].Node) && uuidOf(t, spare.Node) != "" })
	var steps []string
	if err := dial(t, nodes[0].Node).LeaveCluster(t.Context(), "n3", func(step string) { steps = append(steps, step) }); err != nil {
		t.Fatal(err)
	}
	t.Log(steps)
	if err := nodes[2].ended(t); err != nil {
		t.Errorf("it ended with %v", err)
	}
	again := live(t, nodes[2].cfg)
	if err := again.ended(t); err == nil || !strings.Contains(err.Error(), "left cluster") || !strings.Contains(err.Error(), "start with an empty one") {
		t.Errorf("started again: %v", err)
	}
	publishOne(t, nodes[1])
	nodes[1].end(t) // of n1, n2 and n4
	publishOne(t, spare)
	spare.end(t)
	if got := voters(t, spare); got != 3 {
		t.Errorf("%d voters", got)
	}
}

// All but one may leave, also the one that leads, and the last one is kept.
func TestLeaveOneByOne(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 3, node.Config{})
	for _, l := range nodes[:2] {
		if err := l.LeaveCluster(t.Context(), "", func(string) {}); err != nil {
			t.Fatalf("%s: %v", l.cfg.ID, err)
		}
		if err := l.ended(t); err != nil {
			t.Errorf("%s ended with %v", l.cfg.ID, err)
		}
		publishOne(t, nodes[2])
	}
	last := dial(t, nodes[2].Node)
	err := last.LeaveCluster(t.Context(), "", func(string) {})
	if !errors.Is(err, eventnode.ErrMajorityNeeded) || !strings.Contains(err.Error(), "the last copy") {
		t.Errorf("the last one: %v", err)
	}
	publishOne(t, nodes[2])
	nodes[2].end(t)
	if got := voters(t, nodes[2]); got != 1 {
		t.Errorf("%d voters", got)
	}
}

// Where one of three is dead the two others may not leave; the dead one is removed,
// and when it comes back it learns so and stops.
func TestRemoveADeadNode(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 3, node.Config{})
	admin := dial(t, nodes[0].Node)
	err := admin.RemoveNode(t.Context(), "n3", func(string) {})
	if !errors.Is(err, eventnode.ErrNodeAlive) || !strings.Contains(err.Error(), "eventnode leave --node n3") {
		t.Fatalf("it lives: %v", err)
	}
	if err := admin.RemoveNode(t.Context(), "n9", func(string) {}); !errors.Is(err, eventnode.ErrNodeNotFound) || !strings.Contains(err.Error(), "n1, n2, n3") {
		t.Fatalf("there is none: %v", err)
	}
	nodes[2].end(t)
	err = admin.LeaveCluster(t.Context(), "n2", func(string) {})
	if !errors.Is(err, eventnode.ErrMajorityNeeded) || !strings.Contains(err.Error(), "1 answer") {
		t.Fatalf("one of three is dead: %v", err)
	}
	if err := admin.RemoveNode(t.Context(), "n3", func(string) {}); err != nil {
		t.Fatal(err)
	}
	if err := admin.RemoveNode(t.Context(), "n3", func(string) {}); err != nil {
		t.Errorf("repeated: %v", err)
	}
	publishOne(t, nodes[1])
	cfg := nodes[2].cfg
	cfg.Seeds = []string{nodes[0].GossipAddress()}
	for range 2 { // the second time its directory knows
		back := live(t, cfg)
		if err := back.ended(t); err == nil || !strings.Contains(err.Error(), "was removed from cluster") {
			t.Errorf("it came back: %v", err)
		}
	}
	quiet(t, nodes[0], nodes[1])
	cfg.DataDir = t.TempDir()
	fresh := live(t, cfg)
	<-fresh.Ready()
	eventually(t, "joined", func() bool { return uuidOf(t, fresh.Node) == uuidOf(t, nodes[0].Node) })
	eventually(t, "votes", func() bool { return slices.Contains(copies(t, nodes[0]), "n3") })
}

// copies are the nodes that have one, by the error for a node that has none.
func copies(t *testing.T, l *life) []string {
	t.Helper()
	err := l.RemoveNode(t.Context(), "nobody", func(string) {})
	if !errors.Is(err, eventnode.ErrNodeNotFound) {
		t.Fatal(err)
	}
	_, names, _ := strings.Cut(err.Error(), "copies are on ")
	names, _, _ = strings.Cut(names, ":")
	return strings.Split(names, ", ")
}

// A node without storage just leaves, and says what it does.
func TestLeaveWithoutStorage(t *testing.T) {
	t.Parallel()
	n1 := live(t, node.Config{ID: "n1"})
	<-n1.Ready()
	var steps []string
	if err := dial(t, n1.Node).LeaveCluster(t.Context(), "n1", func(step string) { steps = append(steps, step) }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(steps, "; "); !strings.Contains(got, "no copies") || !strings.Contains(got, "sends its clients") {
		t.Errorf("steps: %s", got)
	}
	if err := n1.ended(t); err != nil {
		t.Error(err)
	}
}

// A node that founds nothing and finds nothing says so once, and in its status.
func TestUnformedIsSaidInTheStatus(t *testing.T) {
	t.Parallel()
	n1 := live(t, node.Config{ID: "n1"})
	<-n1.Ready()
	n2 := live(t, node.Config{ID: "n2", DataDir: t.TempDir(), Seeds: []string{n1.GossipAddress()}})
	<-n2.Ready()
	notice(t, n2, "founds none (--bootstrap-expect")
}

// Of three nodes two are lost: the third becomes a cluster of its own with all that
// it has. The others, should they come back, have no say, and join when they are
// empty.
func TestRecover(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 3, node.Config{})
	for range 10 {
		publishOne(t, nodes[1])
	}
	allApplied(t, dial(t, nodes[0].Node)) // the one that is left must have it all
	for _, l := range nodes {
		l.end(t)
	}
	dir := nodes[0].cfg.DataDir
	log := slog.New(slog.DiscardHandler)
	before, err := node.InspectData(dir, log)
	if err != nil || len(before.Voters) != 2 || before.Last == 0 || before.LastTerm == 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	for range 2 { // it may be repeated
		after, err := node.RecoverData(dir, log)
		if err != nil || after.Cluster == before.Cluster || after.Replica != before.Replica {
			t.Fatalf("%+v, %v", after, err)
		}
	}
	if got := voters(t, nodes[0]); got != 1 {
		t.Fatalf("%d voters", got)
	}

	cfg := nodes[0].cfg
	alone := live(t, cfg)
	<-alone.Ready()
	eventually(t, "it serves", func() bool {
		info, err := dial(t, alone.Node).Streams().Info(t.Context(), "orders")
		return err == nil && info.Count == 11
	})
	publishOne(t, alone)
	notice(t, alone, "were recovered by hand")

	old := nodes[1].cfg
	old.Seeds = []string{alone.GossipAddress()}
	stranger := live(t, old)
	old.ID, old.DataDir = "n3", t.TempDir()
	empty := live(t, old)
	<-empty.Ready()
	eventually(t, "the empty one takes part", func() bool { return slices.Contains(copies(t, alone), "n3") })
	if got := copies(t, alone); slices.Contains(got, "n2") {
		t.Errorf("copies on %v", got)
	}
	stranger.stop()
	publishOne(t, empty)
}
