package raftnet

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode"
)

// acceptQueue bounds the connections that wait for Accept, which hashicorp/raft
// calls again at once; one more is refused as busy, and counted.
const acceptQueue = 16

// Addr is a replica's address: its UUID.
type Addr uuid.UUID

var _ net.Addr = Addr{}

// Network returns "raft".
func (Addr) Network() string { return "raft" }

// String returns the UUID.
func (a Addr) String() string { return uuid.UUID(a).String() }

// Layer is a replica's way to the other replicas of its partition.
type Layer struct {
	server *Server
	id     Identity
	live   live
	queue  chan net.Conn  // capacity acceptQueue
	ended  chan uuid.UUID // capacity endedQueue; see Ended
	done   chan struct{}
	held   atomic.Bool
}

var _ raft.StreamLayer = (*Layer)(nil)

func newLayer(s *Server, id Identity) *Layer {
	return &Layer{server: s, id: id, queue: make(chan net.Conn, acceptQueue), ended: make(chan uuid.UUID, endedQueue), done: make(chan struct{})}
}

// Identity returns who the layer is.
func (l *Layer) Identity() Identity { return l.id }

// Addr returns the replica's UUID: what hashicorp/raft writes into its
// configuration and into votes.
func (l *Layer) Addr() net.Addr { return Addr(l.id.Replica) }

// Hold makes the layer refuse every connection, in both directions, until Release:
// for a replica that may not take part yet. Connections that are open stay.
func (l *Layer) Hold() { l.held.Store(true) }

// Release ends Hold.
func (l *Layer) Release() { l.held.Store(false) }

// Accept returns the next connection for this replica.
func (l *Layer) Accept() (net.Conn, error) {
	select {
	case conn := <-l.queue:
		return conn, nil
	case <-l.done:
		return nil, ErrClosed
	}
}

// Close refuses connections for the replica from now on, ends dials and closes
// the connections in both directions. The same replica may be opened again.
func (l *Layer) Close() error {
	if l.live.close() {
		l.server.forget(l)
		close(l.done)
	}
	return nil
}

// hasRoom reports whether one more connection would be taken, as things stand.
func (l *Layer) hasRoom() bool { return !l.held.Load() && len(l.queue) < cap(l.queue) }

// take queues a connection from another replica, whose preamble is done.
func (l *Layer) take(raw net.Conn, from uuid.UUID) error {
	kept, err := l.keep(raw)
	if err != nil {
		return err
	}
	c := &served{conn: kept, ended: func() { l.ends(from) }}
	select {
	case l.queue <- c:
		return nil
	default:
		_ = c.Close()
		return fmt.Errorf("%w: replica %s", ErrBusy, l.id.Replica)
	}
}

// keep returns the connection as one that ends with the layer.
func (l *Layer) keep(raw net.Conn) (conn, error) {
	remove, ok := l.live.add(func() { _ = raw.Close() })
	if !ok {
		return conn{}, fmt.Errorf("%w: partition %d was closed", ErrWrongPartition, l.id.Partition)
	}
	return conn{Conn: raw, stall: l.server.cfg.StallTimeout, closed: remove}, nil
}

// Dial connects to a replica of the same partition, wherever it is now. timeout
// bounds all of it; 0 means Config.PreambleTimeout. The error is a *DialError.
func (l *Layer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	conn, err := l.dial(address, timeout)
	l.server.metrics.dialled(err)
	return conn, err
}

func (l *Layer) dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	target, err := uuid.Parse(string(address))
	if err != nil {
		return nil, &DialError{Err: fmt.Errorf("%w: raft address %.80q is no UUID", eventnode.ErrInvalidArgument, address)}
	}
	if l.held.Load() {
		return nil, &DialError{Replica: target, Err: ErrHeld}
	}
	if timeout <= 0 {
		timeout = l.server.cfg.PreambleTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	remove, ok := l.live.add(cancel)
	if !ok {
		return nil, &DialError{Replica: target, Err: ErrClosed}
	}
	defer remove()
	hostport, ok := l.server.cfg.Resolve(target)
	if !ok {
		return nil, &DialError{Replica: target, Err: ErrUnknownReplica}
	}
	conn, err := l.connect(ctx, target, hostport)
	if err != nil {
		return nil, &DialError{Replica: target, Address: hostport, Err: err}
	}
	return conn, nil
}
