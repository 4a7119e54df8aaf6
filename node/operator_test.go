package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// stoppable is a node that a test stops before its end.
type stoppable struct {
	*node.Node
	stop func() // waits until it has ended
}

// startStoppable runs a node until it is stopped, or the test ends.
func startStoppable(t testing.TB, cfg node.Config) *stoppable {
	t.Helper()
	cfg.GossipAddress, cfg.RPCAddress = "127.0.0.1:0", "127.0.0.1:0"
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := n.Run(ctx); err != nil {
			t.Errorf("%s: %v", cfg.ID, err)
		}
	}()
	s := &stoppable{n, func() { cancel(); <-ended }}
	t.Cleanup(s.stop)
	select {
	case <-n.Ready():
	case <-ended:
		t.FailNow()
	}
	return s
}

// storageNodes is so many nodes with storage that form a cluster, and their data
// directories.
func storageNodes(t *testing.T, n int) (nodes []*stoppable, dirs []string) {
	t.Helper()
	var seeds []string
	for i := range n {
		dirs = append(dirs, t.TempDir())
		nodes = append(nodes, startStoppable(t, node.Config{
			ID: eventnode.NodeID(fmt.Sprintf("n%d", i+1)), DataDir: dirs[i], Seeds: seeds, Storage: node.Storage{BootstrapExpect: n},
		}))
		seeds = []string{nodes[0].GossipAddress()}
	}
	wellStored(t, nodes[0].Node, n)
	return nodes, dirs
}

// wellStored waits until so many replicas vote and are well.
func wellStored(t testing.TB, n *node.Node, voters int) (s eventnode.StorageStatus) {
	t.Helper()
	c := dial(t, n)
	eventually(t, fmt.Sprintf("%d voters that are well", voters), func() bool {
		var err error
		if s, err = c.StorageStatus(t.Context()); err != nil {
			return false
		}
		voting := 0
		for _, r := range s.Replicas {
			if r.Role == "voter" && r.State == "running" {
				voting++
			}
		}
		return s.Healthy && voting == voters
	})
	return s
}

// allApplied waits until every copy has applied all that there is: an ack speaks for a
// majority only.
func allApplied(t *testing.T, c *client.Client) {
	t.Helper()
	eventually(t, "every copy has applied all", func() bool {
		s, err := c.StorageStatus(t.Context())
		return err == nil && s.Healthy && !slices.ContainsFunc(s.Replicas, func(r eventnode.ReplicaInfo) bool {
			return r.Applied != s.Replicas[0].Last
		})
	})
}

// publishSome publishes numbered events of some size, and returns their positions.
func publishSome(t *testing.T, c *client.Client, stream string, from, to int) (at []eventnode.Position) {
	t.Helper()
	s := c.Streams()
	if _, err := s.Declare(t.Context(), stream, eventnode.StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		p, err := s.Publish(t.Context(), stream, event.New(fmt.Sprint(i), bytes.Repeat([]byte{byte(i)}, 2000)))
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, p)
	}
	return at
}

// Every node says how all replicas are: one without storage, and the leader. A voter
// that is gone is a problem with its name.
func TestStorageStatus(t *testing.T) {
	t.Parallel()
	nodes, _ := storageNodes(t, 3)
	without := start(t, node.Config{ID: "n4", Seeds: []string{nodes[0].GossipAddress()}})
	publishSome(t, dial(t, without), "orders", 0, 5)
	for _, n := range []*node.Node{nodes[0].Node, nodes[1].Node, nodes[2].Node, without} {
		s := wellStored(t, n, 3)
		leads := 0
		for _, r := range s.Replicas {
			if r.Leads {
				leads++
			}
			if r.ID == "" || r.Chain == "" || r.Term == 0 || r.Durable == 0 || r.Committed == 0 || r.LogBytes == 0 || r.FreeBytes == 0 || r.Stamp.Year() < 2020 {
				t.Errorf("%s says %+v", n.Self().ID, r)
			}
		}
		if len(s.Replicas) != 3 || s.Replicas[0].Node != "n1" || s.Replicas[2].Node != "n3" || leads != 1 || s.Leader == "" || len(s.ClusterUUID) != 36 {
			t.Errorf("%s says %+v", n.Self().ID, s)
		}
	}
	nodes[2].stop()
	c := dial(t, without)
	eventually(t, "n3 is missed", func() bool {
		s, err := c.StorageStatus(t.Context())
		return err == nil && !s.Healthy && strings.Contains(strings.Join(s.Problems, "\n"), "n3 does not answer")
	})
}

// scrubbed is the last word of each node that was scrubbed, with all that it found.
func scrubbed(t *testing.T, c *client.Client, nodes ...eventnode.NodeID) map[eventnode.NodeID]eventnode.ScrubProgress {
	t.Helper()
	all := map[eventnode.NodeID]eventnode.ScrubProgress{}
	for p, err := range c.Scrub(t.Context(), eventnode.ScrubOptions{Nodes: nodes, BytesPerSecond: 1 << 30}) {
		if err != nil {
			t.Fatal(err)
		}
		p.Damages = append(all[p.Node].Damages, p.Damages...)
		all[p.Node] = p
	}
	return all
}

// Each node looks at its own files, whoever is asked; what is changed in one copy's
// log, or in the file that says who it is, is told of that node, and no other.
func TestScrub(t *testing.T) {
	t.Parallel()
	nodes, dirs := storageNodes(t, 3)
	without := start(t, node.Config{ID: "n4", Seeds: []string{nodes[0].GossipAddress()}})
	c := dial(t, without)
	publishSome(t, c, "orders", 0, 20)
	allApplied(t, c)
	all := scrubbed(t, c)
	for _, name := range []eventnode.NodeID{"n1", "n2", "n3"} {
		if p := all[name]; !p.Done || p.Error != "" || p.Damaged != 0 || p.Entries < 20 || p.Events != 20 || p.Rows < 23 || p.Read < 40_000 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	logs, err := filepath.Glob(filepath.Join(dirs[1], "streams", "partition-1", "log", "*.wal"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	flipByte(t, logs[0], 10_000)
	flipByte(t, filepath.Join(dirs[1], "streams", "identity"), 30)
	all = scrubbed(t, c)
	var parts []string
	for _, d := range all["n2"].Damages {
		parts = append(parts, d.Part)
		if d.Text == "" {
			t.Errorf("%+v", d)
		}
	}
	if p := all["n2"]; !p.Done || p.Damaged != 2 || !slices.Equal(parts, []string{"identity", "log"}) {
		t.Errorf("n2: %+v", p)
	}
	if all["n1"].Damaged+all["n3"].Damaged != 0 {
		t.Errorf("%+v", all)
	}
	if one := scrubbed(t, c, "n3"); len(one) != 1 || !one["n3"].Done {
		t.Errorf("only n3: %+v", one)
	}
	for _, err := range c.Scrub(t.Context(), eventnode.ScrubOptions{Nodes: []eventnode.NodeID{"n4"}}) {
		if !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), "n1, n2, n3") {
			t.Errorf("a node without storage: %v", err)
		}
	}
}

// A scrub keeps to its rate, ends with its caller, and there is one at a time.
func TestScrubOneAtATime(t *testing.T) {
	nodes, _ := storageNodes(t, 1)
	c := dial(t, nodes[0].Node)
	publishSome(t, c, "orders", 0, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		var once sync.Once
		var last error
		for _, err := range c.Scrub(ctx, eventnode.ScrubOptions{BytesPerSecond: 1 << 20}) { // the log's file has 64 MiB
			once.Do(func() { close(began) })
			last = err
		}
		ended <- last
	}()
	<-began
	if p := scrubbed(t, c)["n1"]; !p.Done || !strings.Contains(p.Error, "already") {
		t.Errorf("a second one: %+v", p)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	eventually(t, "another may begin", func() bool { return scrubbed(t, c)["n1"].Error == "" })
}

func flipByte(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	b[0] ^= 0x20
	_, err2 := f.WriteAt(b, at)
	if err := errors.Join(err, err2, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// contents is all that a stream holds.
func contents(t *testing.T, s eventnode.Streams, stream string) (all []string) {
	t.Helper()
	for ev, err := range s.Read(t.Context(), stream) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%v %d %v %s %x", ev.Position, ev.Number, ev.Event.ID, ev.Event.Name, ev.Event.Data))
	}
	return all
}

// A backup that any node gave becomes the first node of another cluster, which has
// every event at its position, takes more behind them, remembers what must not come
// twice, starts again, and gives copies to nodes that join it; while the first cluster
// goes on.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	old, _ := storageNodes(t, 3)
	without := start(t, node.Config{ID: "n4", Seeds: []string{old[0].GossipAddress()}})
	publishSome(t, dial(t, old[0].Node), "orders", 0, 30)
	publishSome(t, dial(t, old[0].Node), "audit", 0, 3)
	known := event.New("known", nil)
	streams := dial(t, old[0].Node).Streams()
	if _, err := streams.Publish(t.Context(), "audit", known, eventnode.WithDedupe()); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	for _, n := range []*node.Node{old[0].Node, old[1].Node, old[2].Node, without} {
		file.Reset()
		info, err := dial(t, n).Backup(t.Context(), &file, eventnode.BackupOptions{})
		if err != nil || info.Streams != 2 || info.Events != 34 || info.Content == 0 || info.ClusterUUID != uuidOf(t, old[0].Node) {
			t.Fatalf("%s: %+v, %v", n.Self().ID, info, err)
		}
		checked, size, err := node.CheckBackup(t.Context(), bytes.NewReader(file.Bytes()), nil)
		if err != nil || checked != info || size != uint64(file.Len()) {
			t.Fatalf("%s: %+v, %d, %v", n.Self().ID, checked, size, err)
		}
	}
	orders, audit := contents(t, streams, "orders"), contents(t, streams, "audit")
	publishSome(t, dial(t, old[0].Node), "orders", 30, 31) // not in the backup

	dir := filepath.Join(t.TempDir(), "new", "data")
	done, err := node.Restore(t.Context(), node.RestoreConfig{DataDir: dir}, bytes.NewReader(file.Bytes()))
	if err != nil || done.ClusterUUID == uuidOf(t, old[0].Node) || done.From.Events != 34 {
		t.Fatalf("%+v, %v", done, err)
	}
	alone := startStoppable(t, node.Config{ID: "m1", DataDir: dir})
	wellStored(t, alone.Node, 1)
	if id := uuidOf(t, alone.Node); id != done.ClusterUUID {
		t.Errorf("the new cluster is %s, was to be %s", id, done.ClusterUUID)
	}
	alone.stop() // and again
	m1 := startStoppable(t, node.Config{ID: "m1", DataDir: dir})
	seeds := []string{m1.GossipAddress()}
	m2 := startStoppable(t, node.Config{ID: "m2", DataDir: t.TempDir(), Seeds: seeds, Storage: node.Storage{BootstrapExpect: 3}})
	startStoppable(t, node.Config{ID: "m3", DataDir: t.TempDir(), Seeds: seeds, Storage: node.Storage{BootstrapExpect: 3}})
	wellStored(t, m2.Node, 3)
	c := dial(t, m2.Node)
	again := c.Streams()
	if got := contents(t, again, "orders"); !slices.Equal(got, orders) {
		t.Errorf("%d events, want %d", len(got), len(orders))
	}
	if got := contents(t, again, "audit"); !slices.Equal(got, audit) {
		t.Errorf("%v, want %v", got, audit)
	}
	if _, err := again.Publish(t.Context(), "audit", known, eventnode.WithDedupe()); err != nil || len(contents(t, again, "audit")) != 4 {
		t.Errorf("what was known is there twice, or %v", err)
	}
	at := publishSome(t, c, "orders", 30, 35)
	last, err := eventnode.ParsePosition(strings.Fields(orders[29])[0])
	if all := contents(t, again, "orders"); err != nil || len(all) != 35 || at[0].Compare(last) <= 0 {
		t.Errorf("%d events, the first new one at %v, after %v, %v", len(all), at[0], last, err)
	}
	for name, p := range scrubbed(t, c) {
		if !p.Done || p.Error != "" || p.Damaged != 0 || p.Events != 39 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if got := contents(t, streams, "orders"); len(got) != 31 {
		t.Errorf("the first cluster has %d events", len(got))
	}
}

// A backup that is not what was written, a directory that holds something, and one
// in which a restore did not come to its end: each is refused, in words, and no node
// starts on what is left.
func TestRestoreRefuses(t *testing.T) {
	nodes, dirs := storageNodes(t, 1)
	c := dial(t, nodes[0].Node)
	publishSome(t, c, "orders", 0, 30)
	var file bytes.Buffer
	if _, err := c.Backup(t.Context(), &file, eventnode.BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	restore := func(dir string, b []byte) error {
		_, err := node.Restore(t.Context(), node.RestoreConfig{DataDir: dir}, bytes.NewReader(b))
		return err
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, b := range map[string][]byte{"cut": whole[:len(whole)-9], "flipped": flipped, "more": append(bytes.Clone(whole), 'x'), "nothing": nil, "another file": []byte(strings.Repeat("x", 100))} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := restore(dir, b); err == nil || !strings.Contains(err.Error(), "not a whole, unchanged backup") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: there is a directory", name)
		}
	}
	if err := restore(dirs[0], whole); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("onto a node's own: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := node.Restore(ctx, node.RestoreConfig{DataDir: dir, Progress: func(what string, _, _ uint64) {
		if what == "verifying" {
			cancel()
		}
	}}, bytes.NewReader(whole))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("ended while it verified: %v", err)
	}
	n, err := node.New(node.Config{ID: "m1", DataDir: dir, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err == nil {
		err = n.Run(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "without identity") {
		t.Errorf("a node on half a restore: %v", err)
	}
	if err := restore(dir, whole); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("again on half a restore: %v", err)
	}
}
