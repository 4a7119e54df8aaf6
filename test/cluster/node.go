package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// Node is one node of a cluster under test.
type Node struct {
	c       *Cluster
	number  int
	name    string
	running bool

	mu       sync.Mutex     // guards the rest
	embedded *node.Node     // nil for processes
	own      *client.Client // the harness's own client, made when first used
	clients  []*client.Client
}

// ports of a node that has an address of its own: in memory, or with Config.Hosts.
const (
	gossipPort  = 7400
	rpcPort     = 7401
	httpPort    = 7402
	gatewayPort = 7404
)

// Name returns "n1", "n2", ...
func (n *Node) Name() string { return n.name }

// address is the node's address on the network in memory.
func (n *Node) address() string { return fmt.Sprintf("10.0.%d.%d", n.number/250, n.number%250+1) }

// RPCAddress is where clients reach the node.
func (n *Node) RPCAddress() string { return n.c.host.rpcAddress(n) }

// both is what a node and a client of it offer.
type both interface {
	eventnode.Live
	eventnode.Cluster
}

// Live returns the node itself if it runs in this process, else a client of it.
func (n *Node) Live() eventnode.Live { return n.both() }

// Cluster returns the same, as what it knows of the cluster.
func (n *Node) Cluster() eventnode.Cluster { return n.both() }

func (n *Node) both() both {
	n.c.t.Helper()
	b, err := n.tryBoth()
	if err != nil {
		n.c.t.Fatal(err)
	}
	return b
}

// tryBoth is both of a node that may have ended.
func (n *Node) tryBoth() (both, error) {
	n.mu.Lock()
	embedded, own := n.embedded, n.own
	n.mu.Unlock()
	if embedded != nil {
		return embedded, nil
	}
	if own != nil {
		return own, nil
	}
	own, err := n.dial()
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.own = own
	return own, nil
}

// Client dials the node, or one of the others too if there are some: the client
// goes to another one when its node is lost. It is closed when the test ends.
func (n *Node) Client(others ...*Node) *client.Client {
	n.c.t.Helper()
	c, err := n.dial(others...)
	if err != nil {
		n.c.t.Fatal(err)
	}
	return c
}

func (n *Node) dial(others ...*Node) (*client.Client, error) {
	addrs := []string{n.RPCAddress()}
	for _, other := range others {
		addrs = append(addrs, other.RPCAddress())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := n.c.host.dial(ctx, addrs)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", n.name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clients = append(n.clients, c)
	return c, nil
}

// gone forgets what is of no use once the node has ended.
func (n *Node) gone() {
	n.running = false
	n.mu.Lock()
	own := n.own
	n.own = nil
	n.mu.Unlock()
	if own != nil {
		_ = own.Close()
	}
}

// hangUp closes the clients that were made, at the end of the test.
func (n *Node) hangUp() {
	n.mu.Lock()
	clients := n.clients
	n.clients = nil
	n.mu.Unlock()
	for _, c := range clients {
		_ = c.Close()
	}
}
