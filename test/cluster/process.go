package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/internal/loopback"
)

// processes runs nodes as processes of the real binary on loopback.
type processes struct {
	t       testing.TB
	cfg     Config
	hosts   *hosts   // nil: all are on loopback
	running sync.Map // name to *process; several end at once
	ports   map[string]ports
	binary  map[string]string // of nodes that are not to run what the others do
}

// process is one run of a node.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // set before done is closed
	// expected is set before the harness ends the process, or if it may end by itself.
	expected atomic.Bool
}

// ports of one node; they stay the same over restarts.
type ports struct{ gossip, rpc, http, gateway string }

var _ host = (*processes)(nil)

// stopTimeout bounds a stop by SIGTERM, on a machine whose disk may stall for seconds.
const stopTimeout = 30 * time.Second

func newProcesses(t testing.TB, cfg Config, machines *hosts) *processes {
	return &processes{t: t, cfg: cfg, hosts: machines, ports: map[string]ports{}, binary: map[string]string{}}
}

// of is a node's present process; nil if there is none.
func (p *processes) of(n *Node) *process {
	if r, ok := p.running.Load(n.name); ok {
		return r.(*process)
	}
	return nil
}

func (p *processes) start(n *Node, optional bool) error {
	cmd, err := p.command(n)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.logFile(n.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	dieWithThis(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	r := p.follow(n.name, cmd, optional)
	p.running.Store(n.name, r)
	if err := p.awaitReady(n, r); err != nil {
		p.kill(n)
		return err
	}
	return nil
}

// command is that which starts a node.
func (p *processes) command(n *Node) (*exec.Cmd, error) {
	for _, other := range n.c.nodes {
		if err := p.reserve(other); err != nil {
			return nil, err
		}
	}
	binary, err := p.program(n)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, p.args(n)...)
	if p.hosts != nil {
		cmd = p.hosts.command(n.number, binary, p.args(n))
	}
	cmd.Env = append(os.Environ(), AsNode)
	return cmd, nil
}

// program is the path of what a node runs.
func (p *processes) program(n *Node) (string, error) {
	if path, ok := p.binary[n.name]; ok {
		return path, nil
	}
	if p.cfg.Binary != "" {
		return named("Config.Binary", p.cfg.Binary)
	}
	return Binary()
}

func (p *processes) args(n *Node) []string {
	own := p.ports[n.name]
	command, shards := []string{"serve"}, []string(nil)
	if p.cfg.ShardRun != nil {
		shards = p.cfg.ShardRun(n.c, n.name)
	}
	if len(shards) > 0 {
		command = []string{"shard", "run"}
	}
	args := append(command, "--name", n.name, "--gossip", own.gossip, "--rpc", own.rpc, "--data", n.DataDir())
	for _, other := range n.c.nodes {
		args = append(args, "--join", p.ports[other.name].gossip)
	}
	if p.cfg.Storage {
		args = append(args, "--bootstrap-expect", strconv.Itoa(p.cfg.Nodes))
	}
	if p.cfg.HTTP {
		args = append(args, "--http", own.http, "--http-ingest")
	}
	if len(shards) > 0 {
		return append(args, shards...)
	}
	if p.cfg.GatewayTokens != "" {
		args = append(args, "--gateway", own.gateway, "--gateway-tokens", p.cfg.GatewayTokens)
	}
	return append(args, p.cfg.Args...)
}

// reserve chooses addresses for a node that has none.
func (p *processes) reserve(n *Node) error {
	if _, ok := p.ports[n.name]; ok {
		return nil
	}
	if p.hosts != nil {
		at := p.hosts.address(n.number)
		p.ports[n.name] = ports{gossip: join(at, gossipPort), rpc: join(at, rpcPort), http: join(at, httpPort), gateway: join(at, gatewayPort)}
		return nil
	}
	addresses, err := loopback.Addresses(4)
	if err != nil {
		return err
	}
	p.ports[n.name] = ports{gossip: addresses[0], rpc: addresses[1], http: addresses[2], gateway: addresses[3]}
	return nil
}

// move implements host. On a machine of its own a node keeps its address.
func (p *processes) move(n *Node) {
	if p.hosts != nil {
		p.t.Fatal("a machine keeps its address: use Config.Processes without Hosts")
	}
	delete(p.ports, n.name)
}

// follow waits for a process, and fails the test if it ends by itself, unless that is
// optional.
func (p *processes) follow(name string, cmd *exec.Cmd, optional bool) *process {
	r := &process{cmd: cmd, done: make(chan struct{})}
	r.expected.Store(optional)
	go func() {
		defer close(r.done)
		r.err = cmd.Wait()
		if !r.expected.Load() {
			p.t.Errorf("%s ended by itself: %v", name, r.err)
		}
	}()
	return r
}

// awaitReady waits until the node answers.
func (p *processes) awaitReady(n *Node, r *process) error {
	deadline := time.Now().Add(readyTimeout)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		c, err := client.Dial(ctx, []string{p.rpcAddress(n)})
		if err == nil {
			_, err = c.Status(ctx)
			_ = c.Close()
		}
		cancel()
		switch {
		case err == nil:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("not ready within %v: %w", readyTimeout, err)
		}
		select {
		case <-r.done:
			return fmt.Errorf("ended before it was ready, see its log:\n%s", p.logEnd(n.name))
		case <-time.After(pollInterval):
		}
	}
}

func (p *processes) kill(n *Node) {
	p.signal(n, syscall.SIGKILL)
	p.forget(n)
}

func (p *processes) stop(n *Node) error {
	r := p.of(n)
	if r == nil {
		return nil
	}
	p.signal(n, syscall.SIGTERM)
	select {
	case <-r.done:
		p.forget(n)
		return r.err
	case <-time.After(stopTimeout):
		p.signal(n, syscall.SIGQUIT) // its log has its goroutines then
		select {
		case <-r.done:
		case <-time.After(time.Second):
		}
		p.kill(n)
		return fmt.Errorf("still there %v after SIGTERM", stopTimeout)
	}
}

// signal sends a signal that ends the process.
func (p *processes) signal(n *Node, s syscall.Signal) {
	if r := p.of(n); r != nil {
		r.expected.Store(true)
		_ = r.cmd.Process.Signal(s)
	}
}

// forget waits for the end of a process.
func (p *processes) forget(n *Node) {
	if r := p.of(n); r != nil {
		<-r.done
		p.running.Delete(n.name)
	}
}

func (p *processes) pause(n *Node)  { _ = n.process().cmd.Process.Signal(stopSignal) }
func (p *processes) resume(n *Node) { _ = n.process().cmd.Process.Signal(continueSignal) }

func (p *processes) mayEnd(n *Node) { n.process().expected.Store(true) }

func (p *processes) ended(n *Node) <-chan struct{} {
	if r := p.of(n); r != nil {
		return r.done
	}
	return nil
}

func (p *processes) rpcAddress(n *Node) string { return p.ports[n.name].rpc }

func (p *processes) dial(ctx context.Context, addrs []string) (*client.Client, error) {
	return client.Dial(ctx, addrs, client.WithName("harness"))
}

func (p *processes) close() {
	p.running.Range(func(name, v any) bool {
		r := v.(*process)
		r.expected.Store(true)
		_ = r.cmd.Process.Kill()
		<-r.done
		if p.t.Failed() {
			p.t.Logf("the end of the log of %s:\n%s", name, p.logEnd(name.(string)))
		}
		return true
	})
}

func (p *processes) logFile(name string) string { return filepath.Join(p.cfg.Dir, name+".log") }

func (p *processes) log(n *Node) (string, error) {
	b, err := os.ReadFile(p.logFile(n.name))
	return string(b), err
}

// logEnd is the last part of a node's log.
func (p *processes) logEnd(name string) string {
	b, err := os.ReadFile(p.logFile(name))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
