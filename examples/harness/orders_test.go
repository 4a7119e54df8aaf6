package orders_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/orders"
	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/test/cluster"
	"github.com/eventnode/eventnode/test/cluster/clustermain"
)

func TestMain(m *testing.M) { clustermain.Run(m) } // nodes run this test binary: nothing is built

// A desk whose node is killed goes on at another one, and when the first is back.
func TestGoesOnWithoutItsNode(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Processes: true}) // three nodes
	own := c.Node("n1").Client(c.Node("n2"))
	desk := open(t, own) // your service, here at n1 or n2
	takes(t, c, desk, "tea")
	node := its(c, own)
	c.Kill(node) // kill -9
	takes(t, c, desk, "milk")
	c.Restart(node)
	takes(t, c, desk, "sugar")
}

// its is the name of the node that a client is at.
func its(c *cluster.Cluster, own *client.Client) string {
	for _, n := range c.Running() {
		if n.RPCAddress() == own.Addr() {
			return n.Name()
		}
	}
	return "none"
}

// takes orders at n3 until the desk has counted one of these orders.
func takes(t *testing.T, c *cluster.Cluster, desk *orders.Desk, item string) {
	t.Helper()
	takesAt(t, c, "n3", desk, item)
}

func takesAt(t *testing.T, c *cluster.Cluster, node string, desk *orders.Desk, item string) {
	t.Helper()
	c.Eventually(20*time.Second, func() error {
		if err := orders.Order(t.Context(), c.Node(node).Live(), item); err != nil {
			return err
		}
		if desk.Ordered(item) == 0 {
			return fmt.Errorf("no order of %s was counted", item)
		}
		return nil
	})
}

// open has a desk serve until the test ends.
func open(t *testing.T, live eventnode.Live) *orders.Desk {
	t.Helper()
	desk, ready, ended := new(orders.Desk), make(chan struct{}), make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- desk.Serve(ctx, live, ready) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("the desk does not serve: %v", err)
	}
	return desk
}

// A desk at n2 counts what is ordered at n3 over a network that is slow and loses a tenth of
// all packets, and goes on when what n3 sends to n2 was cut for a while: what was lost is told.
func TestGoesOnOverABadNetwork(t *testing.T) {
	cluster.NeedLossyHosts(t)
	c := cluster.Start(t, cluster.Config{Processes: true, Hosts: true})
	desk := open(t, c.Node("n2").Client())
	c.Loss(0.1)
	c.Delay("n3", "n2", 20*time.Millisecond, 40*time.Millisecond)
	takes(t, c, desk, "tea")
	c.Cut("n3", "n2")
	c.Eventually(30*time.Second, func() error { return misses(t, c.Node("n2"), "n3") })
	if err := orders.Order(t.Context(), c.Node("n3").Live(), "sugar"); err != nil {
		t.Fatal(err)
	}
	c.Heal()
	takes(t, c, desk, "milk")
	if desk.Ordered("sugar")+desk.Gaps() == 0 {
		t.Error("an order was lost, and the desk was not told")
	}
}

// misses is nil when a node has no link to another.
func misses(t *testing.T, n *cluster.Node, other string) error {
	t.Helper()
	infos, err := n.Cluster().Nodes(t.Context())
	if err != nil {
		return err
	}
	for _, i := range infos {
		if string(i.ID) == other && i.State == "alive" && i.Link == "up" {
			return fmt.Errorf("%s has a link to %s", n.Name(), other)
		}
	}
	return nil
}

// The program can be named, too; one that is not there is an error which says what there is
// to do.
func TestTheProgramIsNamed(t *testing.T) {
	own, err := cluster.Binary()
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Nodes: 1, Binary: own})
	takesAt(t, c, "n1", open(t, c.Node("n1").Client()), "tea")

	wrong := cluster.Config{Processes: true, Binary: "/nowhere/eventnode", Late: []string{"n1", "n2", "n3"}}
	says(t, cluster.Start(t, wrong).TryRestart("n1"), "Config.Binary")
	t.Setenv(cluster.BinaryVariable, "/nowhere/eventnode")
	_, err = cluster.Binary()
	says(t, err, cluster.BinaryVariable)
}

func says(t *testing.T, err error, by string) {
	t.Helper()
	for _, want := range []string{by, "/nowhere/eventnode", "clustermain.Run(m)", "go get -tool"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
}

// Without a name it is built: this module lists what it needs, for the test imports it.
func TestTheProgramIsBuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the command")
	}
	t.Setenv(cluster.BinaryVariable, "")
	c := cluster.Start(t, cluster.Config{Processes: true})
	takes(t, c, open(t, c.Node("n1").Client()), "tea")
}
