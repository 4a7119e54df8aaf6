package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/node"
)

// memory runs nodes in this process, each on a machine of its own in a network
// in memory.
type memory struct {
	t       testing.TB
	cfg     Config
	net     *memnet.Network
	running sync.Map     // name to *life; several end at once
	clients *memnet.Host // where the harness's own clients live
}

// life is one run of a node.
type life struct {
	stop     context.CancelFunc
	done     chan struct{}
	err      error       // set before done is closed
	optional atomic.Bool // it may end by itself
	log      *os.File
}

var _ host = (*memory)(nil)

// clientAddress is the machine of the harness's clients; partitions that name
// only nodes leave it with nodes in no group.
const clientAddress = "10.255.0.1"

// readyTimeout bounds the start of one node.
const readyTimeout = 30 * time.Second

func newMemory(t testing.TB, cfg Config, network *memnet.Network) *memory {
	return &memory{t: t, cfg: cfg, net: network, clients: network.Host(clientAddress)}
}

func (m *memory) start(n *Node, optional bool) error {
	l := &life{done: make(chan struct{})}
	l.optional.Store(optional)
	cfg := node.Config{
		ID:            eventnode.NodeID(n.name),
		GossipAddress: join(n.address(), gossipPort), RPCAddress: join(n.address(), rpcPort),
		Network: machine{m.net.Host(n.address())}, Version: "test", Logger: m.cfg.Logger,
	}
	if cfg.Logger != nil {
		cfg.Logger = cfg.Logger.With(slog.String("at", n.name))
	}
	if err := m.addStorage(n, &cfg, l); err != nil {
		return err
	}
	for _, other := range n.c.nodes {
		cfg.Seeds = append(cfg.Seeds, join(other.address(), gossipPort))
	}
	if m.cfg.Configure != nil {
		m.cfg.Configure(n.name, &cfg)
	}
	made, err := node.New(cfg)
	if err != nil {
		return errors.Join(err, l.log.Close())
	}
	m.run(n.name, made, l)
	n.mu.Lock()
	n.embedded = made
	n.mu.Unlock()
	deadline := time.NewTimer(readyTimeout)
	defer deadline.Stop()
	select {
	case <-made.Ready():
		return nil
	case <-l.done:
		m.running.Delete(n.name)
		return fmt.Errorf("ended before it was ready: %w", l.err)
	case <-deadline.C:
		return fmt.Errorf("not ready within %v", readyTimeout)
	}
}

// addStorage gives a node a data directory, and a log that Log reads.
func (m *memory) addStorage(n *Node, cfg *node.Config, l *life) (err error) {
	if !m.cfg.Storage {
		return nil
	}
	cfg.DataDir, cfg.Storage.BootstrapExpect = n.DataDir(), m.cfg.Nodes
	for _, other := range n.c.nodes {
		m.net.Host(other.address()) // that refuses, instead of nobody who lets wait
	}
	if cfg.Logger == nil {
		l.log, err = os.OpenFile(m.logFile(n), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		cfg.Logger = slog.New(slog.NewTextHandler(l.log, nil))
	}
	return err
}

func (m *memory) logFile(n *Node) string { return filepath.Join(m.cfg.Dir, n.name+".log") }

func (m *memory) log(n *Node) (string, error) {
	b, err := os.ReadFile(m.logFile(n))
	return string(b), err
}

// run runs a node until its life is stopped.
func (m *memory) run(name string, n *node.Node, l *life) {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	m.running.Store(name, l)
	go func() {
		defer close(l.done)
		l.err = n.Run(ctx)
		if l.err != nil && l.log != nil {
			_, _ = fmt.Fprintf(l.log, "the node ended: %v\n", l.err)
		}
		if ctx.Err() == nil && !l.optional.Load() {
			m.t.Errorf("%s ended by itself: %v", name, l.err)
		}
		_ = l.log.Close()
	}()
}

func (m *memory) of(n *Node) *life {
	if l, ok := m.running.Load(n.name); ok {
		return l.(*life)
	}
	return nil
}

func (m *memory) mayEnd(n *Node) {
	if l := m.of(n); l != nil {
		l.optional.Store(true)
	}
}

func (m *memory) ended(n *Node) <-chan struct{} {
	if l := m.of(n); l != nil {
		return l.done
	}
	return nil
}

// move implements host: in memory a node keeps its address.
func (m *memory) move(*Node) { m.t.Fatal("nodes in memory keep their address: use Config.Processes") }

func (m *memory) kill(n *Node) {
	m.net.Crash(n.address())
	_ = m.end(n)
}

func (m *memory) stop(n *Node) error {
	err := m.end(n)
	m.net.Crash(n.address())
	return err
}

// end stops a life and waits for it.
func (m *memory) end(n *Node) error {
	l := m.of(n)
	if l == nil {
		return nil
	}
	m.running.Delete(n.name)
	l.stop()
	<-l.done
	if l.optional.Load() {
		return nil
	}
	return l.err
}

func (m *memory) pause(n *Node)  { m.net.Pause(n.address()) }
func (m *memory) resume(n *Node) { m.net.Resume(n.address()) }

func (m *memory) rpcAddress(n *Node) string { return join(n.address(), rpcPort) }

func (m *memory) dial(ctx context.Context, addrs []string) (*client.Client, error) {
	return client.Dial(ctx, addrs, client.WithDialer(m.clients.Dial), client.WithName("harness"))
}

func (m *memory) close() {
	m.running.Range(func(name, v any) bool {
		l := v.(*life)
		l.stop()
		<-l.done
		if l.err != nil && !l.optional.Load() {
			m.t.Errorf("%s did not stop cleanly: %v", name, l.err)
		}
		return true
	})
	m.net.Close()
}

// machine is a host of the network in memory as a node sees it.
type machine struct{ host *memnet.Host }

var _ node.Network = machine{}

// Listen implements node.Network.
func (m machine) Listen(address string) (net.Listener, error) {
	port, err := portOf(address)
	if err != nil {
		return nil, err
	}
	return m.host.Listen(port)
}

// Dial implements node.Network.
func (m machine) Dial(ctx context.Context, address string) (net.Conn, error) {
	return m.host.Dial(ctx, address)
}

// Gossip implements node.Network.
func (m machine) Gossip(address string) (memberlist.Transport, error) {
	port, err := portOf(address)
	if err != nil {
		return nil, err
	}
	return m.host.Transport(port)
}

func join(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }

func portOf(address string) (int, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
