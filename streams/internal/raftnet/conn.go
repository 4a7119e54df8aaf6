package raftnet

import (
	"net"
	"sync/atomic"
	"time"
)

// conn is a connection that ends with its layer.
type conn struct {
	net.Conn
	stall  time.Duration
	closed func() // the layer need not close it any more
}

// Close closes the connection.
func (c *conn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// dialled is a connection that carries requests to another replica.
//
// hashicorp/raft gives a snapshot one deadline in proportion to its size: hours.
// So each write has a deadline of its own too, and a receiver that stopped is
// noticed after StallTimeout.
type dialled struct {
	conn
	writeBy atomic.Pointer[time.Time] // nil: none
}

// SetDeadline sets both deadlines.
func (c *dialled) SetDeadline(t time.Time) error {
	c.writeBy.Store(&t)
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline sets the deadline of the writes together.
func (c *dialled) SetWriteDeadline(t time.Time) error {
	c.writeBy.Store(&t)
	return c.Conn.SetWriteDeadline(t)
}

// Write fails when it takes longer than StallTimeout, or than the deadline.
func (c *dialled) Write(b []byte) (int, error) {
	by := time.Now().Add(c.stall)
	if limit := c.writeBy.Load(); limit != nil && !limit.IsZero() && limit.Before(by) {
		by = *limit
	}
	if err := c.Conn.SetWriteDeadline(by); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// served is a connection that carries requests to this replica.
//
// hashicorp/raft reads it without a deadline, a snapshot even in the goroutine
// that votes. Between requests that is right; inside one, a sender that vanished
// would hold the replica. A request is whole before its response is written, so
// once something was read, the next read belongs to the same request until a
// write.
type served struct {
	conn
	ended  func()      // it was ended from the other end; called by its reader
	inside atomic.Bool // something of a request was read
	armed  atomic.Bool // a read deadline is set
}

// Read waits for a request as long as it takes, and for the rest of one at most
// StallTimeout at a time.
func (c *served) Read(b []byte) (int, error) {
	var by time.Time
	inside := c.inside.Load()
	if inside {
		by = time.Now().Add(c.stall)
	}
	if inside || c.armed.Load() {
		if err := c.SetReadDeadline(by); err != nil {
			return 0, err
		}
		c.armed.Store(inside)
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.inside.Store(true)
	}
	if err != nil && byPeer(err) {
		c.ended()
	}
	return n, err
}

// Write sends a response.
func (c *served) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	c.inside.Store(false)
	return n, err
}
