package node_test

import (
	"context"
	"net"
	"sync"

	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode/node"
)

// splittable is the network of some nodes on loopback, of which a test cuts off pairs from
// each other: their links break, and there are no new ones, in both directions. Clients reach
// all nodes, and gossip goes on.
type splittable struct {
	mu    sync.Mutex
	nodes map[string]int // by rpc address
	cut   map[[2]int]bool
	conns map[*splitConn]bool
}

func newSplittable() *splittable {
	return &splittable{nodes: map[string]int{}, cut: map[[2]int]bool{}, conns: map[*splitConn]bool{}}
}

// pair names two nodes, in any order.
func pair(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

// Cut breaks what is between two nodes.
func (s *splittable) Cut(a, b int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut[pair(a, b)] = true
	for c := range s.conns {
		if c.between == pair(a, b) {
			_ = c.Conn.Close()
			delete(s.conns, c)
		}
	}
}

// Mend lets new connections come about again, everywhere.
func (s *splittable) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cut)
}

// of is the network as a node has it.
func (s *splittable) of(number int) node.Network { return splitView{s, number} }

type splitView struct {
	s      *splittable
	number int
}

type splitConn struct {
	net.Conn
	s       *splittable
	between [2]int
}

func (c *splitConn) Close() error {
	c.s.mu.Lock()
	delete(c.s.conns, c)
	c.s.mu.Unlock()
	return c.Conn.Close()
}

// Listen implements node.Network.
func (v splitView) Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.s.nodes[l.Addr().String()] = v.number
	return l, nil
}

// Dial implements node.Network.
func (v splitView) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	c := &splitConn{conn, v.s, pair(v.number, v.s.nodes[address])}
	if v.s.cut[c.between] {
		_ = conn.Close()
		return nil, errCut
	}
	v.s.conns[c] = true
	return c, nil
}

// Gossip implements node.Network.
func (v splitView) Gossip(string) (memberlist.Transport, error) { return nil, nil }
