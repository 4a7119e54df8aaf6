package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/node"
)

// Config of a cluster.
type Config struct {
	// Nodes is how many, named n1, n2, ... Defaults to 3.
	Nodes int
	// Processes makes each node a process of the real binary on loopback.
	Processes bool
	// Hosts gives each process a machine of its own, so that the network between
	// them can be cut, slow and lossy. For Processes, on Linux, as root: see NeedHosts and
	// NeedLossyHosts.
	Hosts bool
	// Binary is the program that the processes run. Defaults to what Binary finds.
	Binary string
	// Storage has the nodes found a durable plane together. Their data stays over
	// restarts.
	Storage bool
	// HTTP has each process serve HTTP, and take CloudEvents there: Node.HTTPAddress. For
	// Processes.
	HTTP bool
	// GatewayTokens is a file of tokens: each process has a chat service and a gateway, at
	// Node.GatewayAddress, whose clients have these. For Processes with Storage.
	GatewayTokens string
	// ShardRun, if it returns some flags for a node, has that one run `eventnode shard run`
	// with them, instead of `eventnode serve`: it runs shards of a bot, and has no gateway.
	// The addresses of all nodes are known by then. For Processes with Storage.
	ShardRun func(c *Cluster, node string) []string
	// Dir is for data and logs. Defaults to a directory that is removed when the
	// test ends.
	Dir string
	// Late names nodes that Start does not start: Restart does.
	Late []string
	// Seed seeds the network: in memory, and that of Hosts. Defaults to 1.
	Seed uint64
	// Configure changes a node's configuration before each start. Not for
	// Processes.
	Configure func(name string, cfg *node.Config)
	// Args are added to the command line of each process that runs `eventnode serve`. For
	// Processes.
	Args []string
	// Data names data directories of nodes that are not to begin with empty ones. For
	// Processes.
	Data map[string]string
	// Logger takes the log of nodes in this process. Defaults to none.
	Logger *slog.Logger
}

// Cluster is some nodes under test. Its methods are for the test's goroutine;
// those of its nodes are safe for concurrent use.
type Cluster struct {
	t     testing.TB
	cfg   Config
	host  host
	net   *memnet.Network // nil for processes
	hosts *hosts          // nil for others than processes on machines of their own
	nodes []*Node
}

// host starts and breaks nodes in one of the ways that there are.
type host interface {
	// start starts a node, or starts it again with its data and addresses. Optional
	// says that it may end by itself.
	start(n *Node, optional bool) error
	// mayEnd says that the node may end by itself.
	mayEnd(n *Node)
	// move gives a node that does not run other addresses.
	move(n *Node)
	// ended is closed when the node's present run has ended; nil if there is none.
	ended(n *Node) <-chan struct{}
	// log is what the node has logged.
	log(n *Node) (string, error)
	// kill ends it as kill -9 does.
	kill(n *Node)
	// stop ends it as SIGTERM does, and waits for it.
	stop(n *Node) error
	pause(n *Node)
	resume(n *Node)
	// rpcAddress is where clients reach it.
	rpcAddress(n *Node) string
	// dial makes a client of some nodes.
	dial(ctx context.Context, addrs []string) (*client.Client, error)
	// close ends all that is left.
	close()
}

// Start starts a cluster and returns when every node knows every other.
func Start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	if cfg.Nodes <= 0 {
		cfg.Nodes = 3
	}
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	c := &Cluster{t: t, cfg: cfg}
	if cfg.Processes {
		if cfg.Hosts {
			c.hosts = newHosts(t, cfg.Nodes, cfg.Seed)
		}
		c.host = newProcesses(t, cfg, c.hosts)
	} else {
		c.net = memnet.New(memnet.Config{Seed: cfg.Seed})
		c.host = newMemory(t, cfg, c.net)
	}
	t.Cleanup(c.close)
	for i := range cfg.Nodes {
		c.nodes = append(c.nodes, &Node{c: c, number: i + 1, name: fmt.Sprintf("n%d", i+1)})
	}
	for _, n := range c.nodes {
		if !slices.Contains(cfg.Late, n.name) {
			c.start(n)
		}
	}
	c.Eventually(20*time.Second, c.Linked)
	return c
}

func (c *Cluster) start(n *Node) {
	c.t.Helper()
	if err := c.host.start(n, false); err != nil {
		c.t.Fatalf("start %s: %v", n.name, err)
	}
	n.running = true
}

// Node returns a node by its name.
func (c *Cluster) Node(name string) *Node {
	c.t.Helper()
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	c.t.Fatalf("there is no node %q", name)
	return nil
}

// Running returns the nodes that run.
func (c *Cluster) Running() []*Node {
	var running []*Node
	for _, n := range c.nodes {
		if n.running {
			running = append(running, n)
		}
	}
	return running
}

// Linked returns nil if every running node has a link to every other, and else
// says what is missing.
func (c *Cluster) Linked() error {
	running := c.Running()
	for _, n := range running {
		if err := linked(n, running); err != nil {
			return err
		}
	}
	return nil
}

func linked(n *Node, all []*Node) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	infos, err := n.Cluster().Nodes(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	for _, other := range all {
		ok := slices.ContainsFunc(infos, func(i eventnode.NodeInfo) bool {
			return string(i.ID) == other.name && i.State == "alive" && (i.Link == "up" || i.Link == "self")
		})
		if !ok {
			return fmt.Errorf("%s has no link to %s: %+v", n.name, other.name, infos)
		}
	}
	return nil
}

// Kill ends a node as kill -9 does: it says nothing to anybody.
func (c *Cluster) Kill(name string) {
	c.t.Helper()
	n := c.Node(name)
	n.gone()
	c.host.kill(n)
}

// Stop ends a node as SIGTERM does, and waits until it has ended.
func (c *Cluster) Stop(name string) {
	c.t.Helper()
	n := c.Node(name)
	n.gone()
	if err := c.host.stop(n); err != nil {
		c.t.Errorf("stop %s: %v", name, err)
	}
}

// KillAll kills several nodes at the same moment, all if none is named.
func (c *Cluster) KillAll(names ...string) {
	c.t.Helper()
	c.together(names, c.host.kill)
}

// StopAll stops several nodes at the same moment, all if none is named, and waits
// until they have ended.
func (c *Cluster) StopAll(names ...string) {
	c.t.Helper()
	c.together(names, func(n *Node) {
		if err := c.host.stop(n); err != nil {
			c.t.Errorf("stop %s: %v", n.name, err)
		}
	})
}

func (c *Cluster) together(names []string, end func(*Node)) {
	c.t.Helper()
	nodes := c.Running()
	if len(names) > 0 {
		nodes = nil
	}
	for _, name := range names {
		nodes = append(nodes, c.Node(name))
	}
	var all sync.WaitGroup
	for _, n := range nodes {
		n.gone()
		all.Go(func() { end(n) })
	}
	all.Wait()
}

// TryRestart is Restart of a node that may refuse to start, or end by itself later:
// neither fails the test. The error says that it ended before it served; its log
// says why.
func (c *Cluster) TryRestart(name string) error {
	c.t.Helper()
	n := c.Node(name)
	if n.running {
		c.Kill(name)
	}
	if err := c.host.start(n, true); err != nil {
		return err
	}
	n.running = true
	return nil
}

// MayEnd says that a node that runs may end by itself from now on, without failing
// the test. Node.Ended tells whether it did.
func (c *Cluster) MayEnd(name string) {
	c.t.Helper()
	c.host.mayEnd(c.Node(name))
}

// Unplug cuts a node in memory off at one moment, as if its power went: nothing
// leaves it any more and nobody reaches it. Kill it next; it cannot come back
// otherwise.
func (c *Cluster) Unplug(name string) {
	c.t.Helper()
	c.host.mayEnd(c.Node(name)) // it may not stand that
	c.network().Crash(c.Node(name).address())
}

// Move gives a node that does not run other addresses. It goes by them from its
// next start on, and its data is what it was.
func (c *Cluster) Move(name string) {
	c.t.Helper()
	n := c.Node(name)
	if n.running {
		c.t.Fatalf("%s runs: stop it before it moves", name)
	}
	c.host.move(n)
}

// Restart starts a node that is not running, with its data and addresses.
func (c *Cluster) Restart(name string) *Node {
	c.t.Helper()
	n := c.Node(name)
	if n.running {
		c.Kill(name)
	}
	c.start(n)
	return n
}

// Pause stops a node in its tracks, as SIGSTOP does: its ports still accept.
func (c *Cluster) Pause(name string) { c.host.pause(c.Node(name)) }

// Resume ends a Pause.
func (c *Cluster) Resume(name string) { c.host.resume(c.Node(name)) }

// Partition splits the network: nodes in different groups do not hear each
// other; nodes in no group are together in one more. Clients reach
// all processes, but in memory only nodes in no group.
func (c *Cluster) Partition(groups ...[]string) {
	c.t.Helper()
	if c.hosts != nil {
		c.split(groups)
		return
	}
	split := make([][]string, len(groups))
	for i, g := range groups {
		for _, name := range g {
			split[i] = append(split[i], c.Node(name).address())
		}
	}
	c.network().Partition(split...)
}

// Cut stops what one node sends to another; the other direction stays.
func (c *Cluster) Cut(from, to string) {
	c.t.Helper()
	if c.hosts != nil {
		c.hosts.setCut(c.Node(from).number, c.Node(to).number, true)
		return
	}
	c.network().Cut(c.Node(from).address(), c.Node(to).address())
}

// Heal ends partitions and cuts. Delay and Loss stay.
func (c *Cluster) Heal() {
	c.t.Helper()
	if c.hosts != nil {
		c.split(nil)
		return
	}
	c.network().Heal()
}

// split cuts nodes of different groups from each other, and mends all else.
func (c *Cluster) split(groups [][]string) {
	c.t.Helper()
	group := func(n *Node) int {
		return slices.IndexFunc(groups, func(g []string) bool { return slices.Contains(g, n.name) })
	}
	for _, from := range c.nodes {
		for _, to := range c.nodes {
			if from != to {
				c.hosts.setCut(from.number, to.number, group(from) != group(to))
			}
		}
	}
}

func (c *Cluster) network() *memnet.Network {
	c.t.Helper()
	if c.net == nil {
		c.t.Fatal("this network cannot be broken so: use a cluster in memory, or Config.Hosts")
	}
	return c.net
}

// pollInterval is how often Eventually asks.
const pollInterval = 20 * time.Millisecond

// Eventually asks until condition returns nil, and fails the test with its last
// error if that does not happen within d.
func (c *Cluster) Eventually(d time.Duration, condition func() error) {
	c.t.Helper()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			c.t.Fatalf("not within %v: %v", d, err)
		}
	}
}

func (c *Cluster) close() {
	for _, n := range c.nodes {
		n.gone()
		n.hangUp()
	}
	c.host.close()
}
