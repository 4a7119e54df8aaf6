package memnet

import (
	"net"
	"sync"
)

// backlog is how many connections wait for Accept; more dials wait for room.
const backlog = 128

// listener accepts streams on a port.
type listener struct {
	host *Host
	id   uint64
	addr *net.TCPAddr

	mu      sync.Mutex
	cond    *sync.Cond
	waiting []*conn
	closed  bool
}

func newListener(h *Host, port int) *listener {
	l := &listener{host: h, addr: tcpAddr(h.name, port)}
	l.cond = sync.NewCond(&l.mu)
	return l
}

// offer queues c for Accept. ok is false if there is no room, closed if nobody
// accepts any more.
func (l *listener) offer(c *conn) (ok, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting) >= backlog {
		return false, l.closed
	}
	l.waiting = append(l.waiting, c)
	l.cond.Signal()
	return true, false
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	c, full := l.accept()
	if c == nil {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	if full {
		l.host.net.changes()
	}
	return c, nil
}

// accept returns nil when closed, and whether the backlog was full.
func (l *listener) accept() (c *conn, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && (l.host.stopped() || len(l.waiting) == 0) {
		l.cond.Wait()
	}
	if l.closed {
		return nil, false
	}
	full = len(l.waiting) == backlog
	c, l.waiting = l.waiting[0], l.waiting[1:]
	return c, full
}

// Addr is a *net.TCPAddr.
func (l *listener) Addr() net.Addr { return l.addr }

// Close refuses from now on; connections that nobody accepted are reset.
func (l *listener) Close() error {
	l.forget()
	for _, c := range l.shut() {
		c.crash()
	}
	l.host.net.changes()
	return nil
}

func (l *listener) shut() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	waiting := l.waiting
	l.waiting = nil
	l.cond.Broadcast()
	return waiting
}

func (l *listener) forget() {
	h, port := l.host, l.addr.Port
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	delete(h.sockets, l.id)
	if h.listeners[port] == l {
		delete(h.listeners, port)
	}
}

func (l *listener) kick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cond.Broadcast()
}

func (l *listener) crash() { _ = l.Close() }
