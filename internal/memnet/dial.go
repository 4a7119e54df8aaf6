package memnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
)

// errWait says that a dial has got no answer yet.
var errWait = errors.New("no answer yet")

// Dial opens a stream to "ip:port". A cut, a full backlog and an address that
// nobody has give no answer: then it ends with ctx or after Config.DialTimeout,
// and the error is a time-out.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c, remote, err := h.dial(ctx, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: remote, Err: err}
	}
	return c, nil
}

func (h *Host) dial(ctx context.Context, addr string) (net.Conn, net.Addr, error) {
	to, port, err := h.split(addr)
	if err != nil {
		return nil, nil, err
	}
	remote := tcpAddr(to, port)
	timeout := time.NewTimer(h.net.cfg.DialTimeout)
	defer timeout.Stop()
	there, back := h.net.between(h.name, to)
	trip := time.NewTimer(there.delay() + back.delay())
	defer trip.Stop()
	arrived := trip.C
	for {
		changed := h.net.change()
		if arrived == nil {
			c, err := h.connect(to, port, there, back)
			if !errors.Is(err, errWait) {
				return c, remote, err
			}
		}
		select {
		case <-arrived:
			arrived = nil
		case <-changed:
		case <-timeout.C:
			return nil, remote, h.afterPause(os.NewSyscallError("connect", syscall.ETIMEDOUT))
		case <-ctx.Done():
			return nil, remote, h.afterPause(dialError(ctx))
		}
	}
}

// afterPause returns err when the host is not stopped any more.
func (h *Host) afterPause(err error) error {
	for {
		changed := h.net.change()
		if !h.stopped() {
			return err
		}
		<-changed
	}
}

func dialError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return ctx.Err()
}

// split parses addr; a loopback address is the host itself.
func (h *Host) split(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(text); err != nil {
		return "", 0, &net.AddrError{Err: "bad port", Addr: addr}
	}
	host = canonical(host)
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		host = h.name
	}
	return host, port, nil
}

// connect makes the stream if both ways are open, or returns errWait.
func (h *Host) connect(to string, port int, there, back *path) (net.Conn, error) {
	if h.stopped() || !there.open.Load() || !back.open.Load() {
		return nil, errWait
	}
	client, server, l, err := h.pair(to, port, there, back)
	if err != nil {
		return nil, err
	}
	ok, closed := l.offer(server)
	switch {
	case ok:
		return client, nil
	case closed:
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	default:
		err = errWait
	}
	client.forget()
	server.forget()
	return nil, err
}

// pair registers the two ends of a new stream to whoever listens.
func (h *Host) pair(to string, port int, there, back *path) (client, server *conn, l *listener, err error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.gone() {
		return nil, nil, nil, net.ErrClosed
	}
	peer := n.hosts[to]
	if peer == nil && !n.known[to] {
		return nil, nil, nil, errWait
	}
	if peer == nil || peer.listeners[port] == nil {
		return nil, nil, nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	local := tcpAddr(h.name, h.ephemeral())
	client, server = newConns(h, peer, local, tcpAddr(to, port), there, back)
	client.id, server.id = h.add(client), peer.add(server)
	return client, server, peer.listeners[port], nil
}
