package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// trio is three nodes with storage, which can be stopped and started.
type trio struct {
	t     *testing.T
	nodes [3]*machine
	acked []string // in the order in which they were published
}

// machine is a node that can be stopped and started. Its data stays.
type machine struct {
	cfg  node.Config
	node *node.Node // nil: it is down
	stop func() error
}

func newTrio(t *testing.T) *trio {
	t.Helper()
	w := &trio{t: t}
	for i := range w.nodes {
		w.nodes[i] = &machine{cfg: node.Config{ID: eventnode.NodeID(fmt.Sprintf("n%d", i+1)), DataDir: t.TempDir(),
			Storage: node.Storage{BootstrapExpect: 3}, Logger: testLogger()}}
		w.start(i)
	}
	t.Cleanup(func() {
		for i := range w.nodes {
			w.stop(i)
		}
	})
	eventually(t, "a stream", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s, err := w.nodes[0].node.Streams(ctx, "")
		if err == nil {
			_, err = s.Declare(ctx, "orders", eventnode.StreamConfig{})
		}
		return err == nil
	})
	eventually(t, "everybody is known by name", func() bool {
		return !slices.ContainsFunc(w.nodes[:], func(m *machine) bool { return w.nodes[0].node.NodeOf(m.node.Replica()) == "" })
	})
	return w
}

func (w *trio) start(i int) {
	w.t.Helper()
	m := w.nodes[i]
	cfg := m.cfg
	cfg.GossipAddress, cfg.RPCAddress = "127.0.0.1:0", "127.0.0.1:0"
	for _, o := range w.nodes {
		if o != nil && o.node != nil {
			cfg.Seeds = append(cfg.Seeds, o.node.GossipAddress())
		}
	}
	n, err := node.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	m.node, m.stop = n, func() error {
		cancel()
		return <-done
	}
	select {
	case <-n.Ready():
	case <-time.After(15 * time.Second):
		w.t.Fatalf("%s is not ready", cfg.ID)
	}
}

func (w *trio) stop(i int) {
	w.t.Helper()
	m := w.nodes[i]
	if m == nil || m.node == nil {
		return
	}
	if err := m.stop(); err != nil {
		w.t.Errorf("%s: %v", m.cfg.ID, err)
	}
	m.node = nil
}

// streams is the durable plane as a node that runs has it.
func (w *trio) streams() eventnode.Streams {
	w.t.Helper()
	for _, m := range w.nodes {
		if m.node != nil {
			s, err := m.node.Streams(w.t.Context(), "")
			if err != nil {
				w.t.Fatal(err)
			}
			return s
		}
	}
	w.t.Fatal("no node runs")
	return nil
}

// publish publishes so many events.
func (w *trio) publish(n int) {
	w.t.Helper()
	s := w.streams()
	for range n {
		name := fmt.Sprint("e", len(w.acked))
		if _, err := s.Publish(w.t.Context(), "orders", event.New(name, []byte("data"))); err != nil {
			w.t.Fatal(err)
		}
		w.acked = append(w.acked, name)
	}
}

// check reads everything.
func (w *trio) check() {
	w.t.Helper()
	var got []string
	for ev, err := range w.streams().Read(w.t.Context(), "orders") {
		if err != nil {
			w.t.Fatal(err)
		}
		got = append(got, ev.Event.Name)
	}
	if !slices.Equal(got, w.acked) {
		w.t.Errorf("the stream has %d events, %d were acked", len(got), len(w.acked))
	}
}

// dir is the directory of a node's durable plane.
func (w *trio) dir(i int) string { return filepath.Join(w.nodes[i].cfg.DataDir, "streams") }

// rebuilt waits until a node's copy was put aside and the new one is a voter, and
// sees that it counts: with it alone each of the others has a majority.
func (w *trio) rebuilt(i int) {
	w.t.Helper()
	eventually(w.t, "put aside", func() bool {
		_, err := os.Stat(filepath.Join(w.dir(i)+".damaged", "identity"))
		return err == nil
	})
	for j := range w.nodes {
		if j == i {
			continue
		}
		eventually(w.t, "three voters", func() bool {
			return !slices.ContainsFunc(w.nodes[:], func(m *machine) bool {
				voters := m.node.Voters()
				return len(voters) != 3 || !slices.Contains(voters, w.nodes[i].node.Replica())
			})
		})
		w.stop(j)
		w.publish(5)
		w.check()
		w.start(j)
	}
}

// remembered is what a node remembers another one to have had durable.
func (w *trio) remembered(by, of int) uint64 {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.dir(by), "floors"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var floor struct {
			Replica uuid.UUID
			Floor   uint64
		}
		if err := json.Unmarshal([]byte(line), &floor); err != nil {
			w.t.Fatal(err)
		}
		if floor.Replica == w.nodes[of].node.Replica() {
			return floor.Floor
		}
	}
	return 0
}

// copyDir copies a directory with all in it.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// largest is the largest file below a directory whose name ends so.
func largest(t *testing.T, dir, suffix string) (path string) {
	t.Helper()
	size := int64(-1)
	err := filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && strings.HasSuffix(p, suffix) && info.Size() > size {
			path, size = p, info.Size()
		}
		return err
	})
	if err != nil || path == "" {
		t.Fatalf("no file *%s below %s: %v", suffix, dir, err)
	}
	return path
}

// flip changes a byte in the middle of what a file has written.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// A copy with a flipped byte never takes part again: it is replaced by one of its
// peers', while the others go on.
func TestDamagedCopyIsRebuilt(t *testing.T) {
	t.Parallel()
	w := newTrio(t)
	w.publish(50)
	w.stop(2)
	flip(t, largest(t, w.dir(2), ".wal"), 3000)
	w.publish(5)
	w.start(2)
	w.rebuilt(2)
}

// A copy that is older than what it once said it had is not believed.
func TestOldCopyIsRebuilt(t *testing.T) {
	t.Parallel()
	w := newTrio(t)
	w.publish(10)
	w.stop(2)
	old := filepath.Join(t.TempDir(), "old")
	copyDir(t, w.dir(2), old)
	w.start(2)
	before := w.nodes[2].node.Durable()
	w.publish(10)
	var had uint64
	eventually(t, "it has what its peers have", func() bool {
		had = w.nodes[2].node.Durable()
		return had > before && had == w.nodes[0].node.Durable()
	})
	eventually(t, "its peers remember", func() bool {
		return w.remembered(0, 2) >= had && w.remembered(1, 2) >= had
	})
	w.stop(2)
	if err := os.RemoveAll(w.dir(2)); err != nil {
		t.Fatal(err)
	}
	copyDir(t, old, w.dir(2))
	w.start(2)
	w.rebuilt(2)
}

// All nodes may stop and start: each waits for a peer to say that it lacks nothing.
func TestAllStart(t *testing.T) {
	w := newTrio(t)
	w.publish(10)
	for i := range w.nodes {
		w.stop(i)
	}
	for i := range w.nodes {
		w.start(i)
	}
	eventually(t, "readable", func() bool {
		_, err := w.streams().Info(t.Context(), "orders")
		return err == nil
	})
	w.check()
	w.publish(1)
}

// The only copy is not replaced by nothing: the node says what is wrong and ends.
func TestLastCopyStops(t *testing.T) {
	dir := t.TempDir()
	run := func(use func(*node.Node)) error {
		n, err := node.New(node.Config{ID: "n1", DataDir: dir, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		if use != nil {
			use(n)
			cancel()
		}
		return <-done
	}
	err := run(func(n *node.Node) {
		s, err := n.Streams(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "declared", func() bool {
			_, err := s.Declare(t.Context(), "orders", eventnode.StreamConfig{})
			return err == nil
		})
		for range 20 {
			if _, err := s.Publish(t.Context(), "orders", event.New("e", make([]byte, 200))); err != nil {
				t.Fatal(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	flip(t, largest(t, dir, ".wal"), 1500)
	if err := run(nil); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("with a damaged log: %v", err)
	}
}

// With too little room on the disks events are refused, and streams can be deleted.
func TestStorageFull(t *testing.T) {
	n := start(t, node.Config{ID: "n1", DataDir: t.TempDir(), Storage: node.Storage{MinFreeBytes: 1 << 60}})
	s := dial(t, n).Streams()
	if _, err := s.Declare(t.Context(), "orders", eventnode.StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "refused", func() bool {
		_, err := s.Publish(t.Context(), "orders", event.New("e", nil))
		if err != nil && !errors.Is(err, eventnode.ErrStorageFull) {
			t.Fatal(err)
		}
		return err != nil
	})
	if _, err := s.Info(t.Context(), "orders"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), "orders"); err != nil {
		t.Error(err)
	}
}

// testLogger writes to standard error if NODE_LOG is set.
func testLogger() *slog.Logger {
	if os.Getenv("NODE_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}
