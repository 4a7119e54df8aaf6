package memnet

import (
	"errors"
	"io"
	"net"
	"time"
)

// conn is one end of a stream.
type conn struct {
	host          *Host
	id            uint64
	in, out       *pipe
	local, remote *net.TCPAddr
}

var _ net.Conn = (*conn)(nil)

// newConns returns the two ends of a stream, not yet registered.
func newConns(from, to *Host, local, remote *net.TCPAddr, there, back *path) (client, server *conn) {
	limit := from.net.cfg.StreamBuffer
	ab, ba := newPipe(from, to, there, back, limit), newPipe(to, from, back, there, limit)
	client = &conn{host: from, in: ba, out: ab, local: local, remote: remote}
	server = &conn{host: to, in: ab, out: ba, local: remote, remote: local}
	return client, server
}

// Read waits for data, the end, or the deadline.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

// Write waits until all of b is under way.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.wrap("write", err)
}

// wrap makes of err what package net would.
func (c *conn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// CloseWrite ends this side's data; the other side's is still read.
func (c *conn) CloseWrite() error {
	c.out.closeWrite()
	return nil
}

// Close ends both directions; what was written still arrives.
func (c *conn) Close() error {
	if !c.forget() {
		return c.wrap("close", net.ErrClosed)
	}
	c.out.closeWrite()
	c.in.closeRead()
	return nil
}

// forget reports whether c was open.
func (c *conn) forget() bool {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	_, open := c.host.sockets[c.id]
	delete(c.host.sockets, c.id)
	return open
}

func (c *conn) kick() {
	c.in.kick()
	c.out.kick()
}

func (c *conn) crash() {
	c.forget()
	c.out.abort()
	c.in.refuse()
}

// LocalAddr is a *net.TCPAddr.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is a *net.TCPAddr.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is for reading and writing.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline also ends a Read that waits already.
func (c *conn) SetReadDeadline(t time.Time) error {
	return c.wrap("set", c.in.setReadDeadline(t))
}

// SetWriteDeadline also ends a Write that waits already.
func (c *conn) SetWriteDeadline(t time.Time) error {
	return c.wrap("set", c.out.setWriteDeadline(t))
}
