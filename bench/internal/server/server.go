package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/internal/loopback"
)

// Nodes is how many nodes a cluster has.
const Nodes = 3

// startTimeout bounds how long a cluster may take to be ready.
const startTimeout = 30 * time.Second

// Cluster is three running nodes.
type Cluster struct {
	// Addrs are where clients connect, node by node.
	Addrs []string
	// Procs are the nodes.
	Procs []*proc.Process
	// Pprof is where nodes serve profiles, if that was asked for.
	Pprof []string
	// commands start the nodes, and start them again.
	commands []command
	// data is where nodes keep what they store; it goes with the cluster.
	data string
	// logs are what nodes with storage write their logs to.
	logs []io.Closer
	// kill ends them: what a node would do at its end is not measured.
	kill context.CancelFunc
	life context.Context
}

// command is how a node is started.
type command struct {
	name, binary string
	args         []string
}

// Start starts a cluster of a system and returns when every node knows the
// others.
func Start(ctx context.Context, env *suite.Env, system suite.System) (*Cluster, error) {
	return start(ctx, func(ctx context.Context, c *Cluster) error {
		switch system {
		case suite.Eventnode:
			return c.startEventnode(ctx, env, "")
		case suite.NATS:
			return c.startNATS(ctx, env)
		default:
			return fmt.Errorf("no servers for %q", system)
		}
	})
}

// start starts a cluster by a function that has some time for it.
func start(ctx context.Context, by func(context.Context, *Cluster) error) (*Cluster, error) {
	c := &Cluster{}
	c.life, c.kill = context.WithCancel(ctx)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := by(ctx, c); err != nil {
		c.Dump() // what it was about when it did not start
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Stop ends the nodes and removes what they stored.
func (c *Cluster) Stop() {
	c.kill()
	proc.StopAll(c.Procs...)
	for _, log := range c.logs {
		_ = log.Close()
	}
	if c.data != "" {
		_ = os.RemoveAll(c.data)
	}
}

// Dump has the nodes log what their goroutines do, and end.
func (c *Cluster) Dump() {
	for _, p := range c.Procs {
		if p != nil {
			p.Quit()
		}
	}
}

// run starts one node.
func (c *Cluster) run(env *suite.Env, name, binary string, args ...string) error {
	c.commands = append(c.commands, command{name, binary, args})
	c.Procs = append(c.Procs, nil)
	return c.Again(env, len(c.Procs)-1)
}

// Again starts a node again that has ended, as it was started the first time, and
// does not wait until it serves.
func (c *Cluster) Again(env *suite.Env, node int) error {
	cmd := c.commands[node]
	log := env.Log
	if c.data != "" { // they say much when they lose each other
		file, err := os.OpenFile(filepath.Join(env.Dir, cmd.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		c.logs, log = append(c.logs, file), file
	}
	p, err := proc.Start(c.life, cmd.name, exec.Command(cmd.binary, cmd.args...), log)
	if err != nil {
		return err
	}
	c.Procs[node] = p
	return nil
}

// startEventnode starts three nodes, with storage if there is a directory for it.
func (c *Cluster) startEventnode(ctx context.Context, env *suite.Env, data string) error {
	ports, err := loopback.Addresses(3 * Nodes)
	if err != nil {
		return err
	}
	seeds := strings.Join([]string{ports[0], ports[3], ports[6]}, ",")
	for i := range Nodes {
		gossip, rpc, http := ports[3*i], ports[3*i+1], ports[3*i+2]
		c.Addrs = append(c.Addrs, rpc)
		args := []string{"serve", "--name", nodeName(i), "--gossip", gossip, "--rpc", rpc, "--join", seeds, "--log-level", "warn"}
		if data != "" {
			args = append(args, "--data", filepath.Join(data, nodeName(i)), "--bootstrap-expect", strconv.Itoa(Nodes))
		}
		if env.Profile != "" {
			args = append(args, "--http", http)
			c.Pprof = append(c.Pprof, http)
		}
		if err := c.run(env, fmt.Sprintf("eventnode-%d", i+1), env.Eventnode, args...); err != nil {
			return err
		}
	}
	return c.Linked(ctx)
}

// nodeName is the name of a node, of every system.
func nodeName(i int) string { return fmt.Sprintf("n%d", i+1) }

// Node is the node of a name; -1 if there is none.
func (c *Cluster) Node(name string) int {
	for i := range c.Procs {
		if nodeName(i) == name {
			return i
		}
	}
	return -1
}

// Linked waits until each of our own nodes has links to all others.
func (c *Cluster) Linked(ctx context.Context) error {
	for _, addr := range c.Addrs {
		if err := awaitNodes(ctx, addr); err != nil {
			return err
		}
	}
	return nil
}

// awaitNodes waits until the node at addr has links to all others.
func awaitNodes(ctx context.Context, addr string) error {
	for {
		err := linked(ctx, addr)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("node at %s: %w", addr, err)
		}
	}
}

// linked says why a node has no links to all others.
func linked(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := client.Dial(ctx, []string{addr})
	if err != nil {
		return err
	}
	defer c.Close()
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	up := 0
	for _, n := range nodes {
		if n.Link == "self" || n.Link == "up" {
			up++
		}
	}
	if up < Nodes {
		return fmt.Errorf("%d of %d nodes linked", up, Nodes)
	}
	return nil
}

func (c *Cluster) startNATS(ctx context.Context, env *suite.Env) error {
	ports, err := loopback.Addresses(2 * Nodes)
	if err != nil {
		return err
	}
	var routes []string
	for i := range Nodes {
		routes = append(routes, "nats://"+ports[2*i])
	}
	for i := range Nodes {
		c.Addrs = append(c.Addrs, ports[2*i+1])
		host, port, err := net.SplitHostPort(ports[2*i+1])
		if err != nil {
			return err
		}
		err = c.run(env, fmt.Sprintf("nats-%d", i+1), env.NATSServer, "-a", host, "-p", port, "--name", nodeName(i),
			"--cluster_name", "bench", "--cluster", routes[i], "--routes", strings.Join(routes, ","), "-l", fmt.Sprintf("%s/nats-%d.log", env.Dir, i+1))
		if err != nil {
			return err
		}
	}
	return awaitRoutes(ctx, c.Addrs)
}
