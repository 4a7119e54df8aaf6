package raftnet

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/google/uuid"
)

// Whether another replica's process is gone. The kernel of a machine whose process
// ended says so at once: it ends its connections, and refuses new ones. Silence says
// nothing: it may be the network, and whoever is behind it may go on.

// endedQueue bounds the ends that wait for who reads Ended; one more is dropped, and
// found out later as if nobody had said it.
const endedQueue = 16

// Ended delivers the replica at the other end of each connection that came in and
// was ended from there. It may have others, or open another.
func (l *Layer) Ended() <-chan uuid.UUID { return l.ended }

// ends notes the end of a connection that came in.
func (l *Layer) ends(from uuid.UUID) {
	select {
	case l.ended <- from:
	default:
	}
}

// byPeer reports whether the other end, or its machine, ended a connection.
func byPeer(err error) bool {
	return !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded)
}

// Refused dials a replica's address and reports whether its machine answered that
// nobody takes connections there. Everything else is false: somebody took it, nothing
// came back until ctx ended, or the address is not known.
func (l *Layer) Refused(ctx context.Context, replica uuid.UUID) bool {
	hostport, ok := l.server.cfg.Resolve(replica)
	if !ok {
		return false
	}
	conn, err := l.server.cfg.Dial(ctx, hostport)
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_ = conn.Close()
	return false
}
