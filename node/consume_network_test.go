package node_test

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode/node"
)

// cuttable is a node's network on loopback, which a test cuts off: all connections
// break, and there are no new ones, in any direction. Gossip goes on.
type cuttable struct {
	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

var _ node.Network = (*cuttable)(nil)

var errCut = errors.New("cut off")

// Cut breaks everything.
func (c *cuttable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for conn := range c.conns {
		_ = conn.(*cutConn).Conn.Close()
	}
	c.conns = nil
}

// Mend lets new connections come about again.
func (c *cuttable) Mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
}

// keep keeps a connection for the cut; nil if there was one.
func (c *cuttable) keep(conn net.Conn) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		_ = conn.Close()
		return nil
	}
	if c.conns == nil {
		c.conns = map[net.Conn]bool{}
	}
	k := &cutConn{conn, c}
	c.conns[k] = true
	return k
}

type cutConn struct {
	net.Conn
	c *cuttable
}

func (k *cutConn) Close() error {
	k.c.mu.Lock()
	delete(k.c.conns, k)
	k.c.mu.Unlock()
	return k.Conn.Close()
}

// Dial implements node.Network.
func (c *cuttable) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if k := c.keep(conn); k != nil {
		return k, nil
	}
	return nil, errCut
}

// Gossip implements node.Network.
func (c *cuttable) Gossip(string) (memberlist.Transport, error) { return nil, nil }

// Listen implements node.Network.
func (c *cuttable) Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &cutListener{l, c}, nil
}

type cutListener struct {
	net.Listener
	c *cuttable
}

func (l *cutListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if k := l.c.keep(conn); k != nil {
			return k, nil
		}
	}
}
