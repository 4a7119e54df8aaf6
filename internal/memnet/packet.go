package memnet

import (
	"bytes"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxDatagram is the largest payload that UDP carries, in bytes.
const maxDatagram = 65507

// packetConn is a datagram socket.
type packetConn struct {
	host *Host
	id   uint64
	addr *net.UDPAddr
	room int

	mu        sync.Mutex
	cond      *sync.Cond
	queue     []datagram // at most room; more are lost
	closed    bool
	rdeadline deadline
	wdeadline deadline
}

// datagram is what was sent, and by whom.
type datagram struct {
	data []byte
	from *net.UDPAddr
}

var _ net.PacketConn = (*packetConn)(nil)

func newPacketConn(h *Host, port, room int) *packetConn {
	c := &packetConn{host: h, addr: udpAddr(h.name, port), room: room}
	c.cond = sync.NewCond(&c.mu)
	return c
}

// ReadFrom waits for a datagram.
func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	d, err := c.next()
	if err != nil {
		return 0, nil, c.wrap("read", err)
	}
	return copy(b, d.data), d.from, nil
}

func (c *packetConn) next() (datagram, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return datagram{}, net.ErrClosed
		case c.host.stopped():
		case c.rdeadline.passed():
			return datagram{}, os.ErrDeadlineExceeded
		case len(c.queue) > 0:
			d := c.queue[0]
			c.queue = c.queue[1:]
			return d, nil
		}
		c.cond.Wait()
	}
}

// WriteTo sends a datagram; that it is lost is no error.
func (c *packetConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if err := c.sendTo(b, addr.String()); err != nil {
		return 0, c.wrap("write", err)
	}
	return len(b), nil
}

func (c *packetConn) sendTo(b []byte, addr string) error {
	to, port, err := c.host.split(addr)
	if err != nil {
		return err
	}
	if err := c.mayWrite(); err != nil {
		return err
	}
	if len(b) > maxDatagram {
		return os.NewSyscallError("sendto", syscall.EMSGSIZE)
	}
	n := c.host.net
	there, _ := n.between(c.host.name, to)
	if !there.open.Load() || there.loses() {
		return nil
	}
	d := datagram{data: bytes.Clone(b), from: c.addr}
	if wait := there.delay(); wait > 0 {
		time.AfterFunc(wait, func() { n.deliver(d, to, port, there) })
		return nil
	}
	n.deliver(d, to, port, there)
	return nil
}

// mayWrite waits while the host is stopped.
func (c *packetConn) mayWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && c.host.stopped() {
		c.cond.Wait()
	}
	switch {
	case c.closed || c.host.dead.Load():
		return net.ErrClosed
	case c.wdeadline.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// deliver queues d where it was sent to, if anybody listens there.
func (n *Network) deliver(d datagram, to string, port int, there *path) {
	if !there.open.Load() {
		return
	}
	if c := n.packetSocket(to, port); c != nil {
		c.receive(d)
	}
}

func (n *Network) packetSocket(host string, port int) *packetConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[host]; h != nil {
		return h.packets[port]
	}
	return nil
}

func (c *packetConn) receive(d datagram) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue) >= c.room {
		return
	}
	c.queue = append(c.queue, d)
	c.cond.Broadcast()
}

// Close drops what was not read.
func (c *packetConn) Close() error {
	h, port := c.host, c.addr.Port
	h.net.mu.Lock()
	delete(h.sockets, c.id)
	if h.packets[port] == c {
		delete(h.packets, port)
	}
	h.net.mu.Unlock()

	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.queue = true, nil
	c.rdeadline.stop()
	c.wdeadline.stop()
	c.cond.Broadcast()
	return nil
}

func (c *packetConn) kick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cond.Broadcast()
}

func (c *packetConn) crash() { _ = c.Close() }

func (c *packetConn) wrap(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.addr, Err: err}
}

// LocalAddr is a *net.UDPAddr.
func (c *packetConn) LocalAddr() net.Addr { return c.addr }

// SetDeadline is for reading and writing.
func (c *packetConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline also ends a ReadFrom that waits already.
func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rdeadline.set(t, c.cond)
	return nil
}

// SetWriteDeadline is for writes to come.
func (c *packetConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wdeadline.set(t, c.cond)
	return nil
}
