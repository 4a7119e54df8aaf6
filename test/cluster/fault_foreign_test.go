package cluster_test

import (
	"context"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/test/cluster"
)

// Two clusters with different names (or keys) whose seeds point at each other
// stay two: none lists a node of the other, and no event crosses.
func TestForeignClustersStayApart(t *testing.T) {
	foreign := map[string]func(cfg *node.Config){
		"name": func(cfg *node.Config) { cfg.Cluster = "other" },
		"key":  func(cfg *node.Config) { cfg.GossipKey = []byte("fedcba9876543210") },
	}
	for what, change := range foreign {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				configure := func(name string, cfg *node.Config) {
					cfg.GossipKey = []byte("0123456789abcdef")
					if name == "n3" || name == "n4" {
						change(cfg)
					}
				}
				names := []string{"n1", "n2", "n3", "n4"}
				c := cluster.Start(t, cluster.Config{Nodes: 4, Late: names, Configure: configure})
				for _, name := range names {
					c.Restart(name)
				}
				time.Sleep(time.Minute)
				sees(t, c, []string{"n1", "n2"})
				sees(t, c, []string{"n3", "n4"})
				here := follow(t, "here", c.Node("n2").Live(), "topic:x")
				there := follow(t, "there", c.Node("n4").Live(), "topic:x")
				if here.sub.Nodes() != 2 || there.sub.Nodes() != 2 {
					t.Errorf("interest known on %d and %d nodes", here.sub.Nodes(), there.sub.Nodes())
				}
				dispatchTo(t, c.Node("n1").Live(), "topic:x", 1)
				time.Sleep(10 * time.Second)
				if a, b := here.now().got, there.now().got; a != 1 || b != 0 {
					t.Errorf("%d events here, %d there", a, b)
				}
			})
		})
	}
}

// A process that takes the name of a living node ends: the exit code is not 0,
// and one line on stderr says so and names the addresses of both.
func TestTakenNameEndsTheNewcomer(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Nodes: 2, Processes: true})
	out, err := takeName(t, c)
	if err == nil {
		t.Errorf("the newcomer ended without an error: %s", out)
	}
	for _, want := range []string{eventnode.ErrNameTaken.Error(), "n2", c.Node("n2").GossipAddress(), c.Node("n2").RPCAddress(), "--name"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not say %q: %s", want, out)
		}
	}
	if strings.Count(out, "127.0.0.1:") < 4 {
		t.Errorf("the output does not name four addresses: %s", out)
	}
}

// The living node goes on as if the newcomer had not been there.
func TestTakenNameDoesNotHideTheLivingNode(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Nodes: 2, Processes: true})
	before := epochs(t, c)
	_, _ = takeName(t, c)
	c.Eventually(10*time.Second, c.Linked)
	if after := epochs(t, c); !maps.Equal(before, after) {
		t.Errorf("epochs %v, then %v", before, after)
	}
	reaches(t, c)
}

// takeName runs a second n2 and returns what it printed before it ended.
func takeName(t *testing.T, c *cluster.Cluster) (string, error) {
	t.Helper()
	return serveUntilEnd(t, "--name", "n2", "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--join", c.Node("n1").GossipAddress())
}

// A process of another cluster, by name or by key, that is pointed at this one
// stays alone, and this one does not notice.
func TestForeignProcessStaysAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Nodes: 2, Processes: true})
	stranger := cluster.Start(t, cluster.Config{Nodes: 1, Processes: true, Args: []string{
		"--cluster", "other", "--join", c.Node("n1").GossipAddress(), "--join", c.Node("n2").GossipAddress()}})
	sub := follow(t, "n2", c.Node("n2").Client(), "topic:x")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for n := uint64(1); ctx.Err() == nil; n++ { // longer than two rounds of joining
		receipt, err := stranger.Node("n1").Live().Dispatch(t.Context(), "topic:x", event.New("foreign", nil), eventnode.WithReceipt(0))
		if err != nil || receipt.Reached != 0 {
			t.Fatalf("%+v, %v", receipt, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	for _, n := range append(c.Running(), stranger.Running()...) {
		infos, err := n.Cluster().Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		infos = slices.DeleteFunc(infos, func(i eventnode.NodeInfo) bool { return i.ID == "" }) // that somebody called, or was called
		if want := map[bool]int{true: 1, false: 2}[n == stranger.Node("n1")]; len(infos) != want {
			t.Errorf("%s lists %d nodes, want %d: %+v", n.Name(), len(infos), want, infos)
		}
	}
	if s := sub.now(); s.got != 0 {
		t.Errorf("%d events came from a foreign cluster", s.got)
	}
	if lines := strings.Count(c.Node("n1").Log(), "\n"); lines > 50 {
		t.Errorf("%d lines of log", lines)
	}
}

// serveUntilEnd runs a node of the real binary that is expected to end by
// itself, and returns what it printed.
func serveUntilEnd(t *testing.T, args ...string) (string, error) {
	t.Helper()
	binary, err := cluster.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, append([]string{"serve"}, args...)...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("it still ran after 20 s: %s", out)
	}
	return string(out), err
}
