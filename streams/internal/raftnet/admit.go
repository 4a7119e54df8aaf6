package raftnet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/google/uuid"
)

// admit is the called end of the preamble. It returns the replica that the
// connection is for, and the one that it is from, with the connection's deadline
// lifted.
func (s *Server) admit(conn net.Conn) (to *Layer, from uuid.UUID, err error) {
	to, from, err = s.converse(conn)
	if c := codeOf(err); err != nil && c != codeOK {
		_, _ = conn.Write(refusal(c, err).encode()) // it is closed in any case
	}
	if err != nil {
		return nil, uuid.Nil, err
	}
	return to, from, conn.SetDeadline(time.Time{})
}

func (s *Server) converse(conn net.Conn) (to *Layer, from uuid.UUID, err error) {
	h, raw, err := readHello(conn)
	if err != nil {
		return nil, uuid.Nil, err
	}
	layer, err := s.find(h)
	if err != nil {
		return nil, uuid.Nil, fmt.Errorf("%w (from replica %s)", err, h.sender)
	}
	if err := s.challenge(conn, raw); err != nil {
		return nil, uuid.Nil, fmt.Errorf("%w (from replica %s)", err, h.sender)
	}
	if !layer.hasRoom() {
		return nil, uuid.Nil, fmt.Errorf("%w: replica %s takes no connections now", ErrBusy, layer.id.Replica)
	}
	if _, err := conn.Write(reply{version: version}.encode()); err != nil {
		return nil, uuid.Nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return layer, h.sender, nil
}

// find returns whom the hello is for, or why it is for nobody here.
func (s *Server) find(h hello) (*Layer, error) {
	if h.lo > version || h.hi < version {
		return nil, fmt.Errorf("%w: the dialler speaks %d-%d, this node %d", ErrVersion, h.lo, h.hi, version)
	}
	if h.cluster != s.cfg.Cluster {
		return nil, fmt.Errorf("%w: this node is of cluster %.64q, the dialler of %.64q", ErrForeignCluster, s.cfg.Cluster, h.cluster)
	}
	l := s.layer(h.partition)
	switch {
	case l == nil:
		return nil, fmt.Errorf("%w: partition %d", ErrWrongPartition, h.partition)
	case l.id.Cluster != h.clusterUUID:
		return nil, fmt.Errorf("%w: this node's cluster has UUID %s, the dialler's %s", ErrForeignCluster, l.id.Cluster, h.clusterUUID)
	case s.checkTarget && l.id.Replica != h.target:
		return nil, fmt.Errorf("%w: partition %d has replica %s here, not %s", ErrWrongTarget, h.partition, l.id.Replica, h.target)
	}
	return l, nil
}

// challenge proves this end and has the other prove itself.
func (s *Server) challenge(conn net.Conn, hello []byte) error {
	nonce := newNonce()
	t := transcript{hello: hello, calledNonce: nonce[:], version: version}
	payload := append(nonce[:], t.proof(s.cfg.Secrets()[0], labelCalled)...)
	if _, err := conn.Write(reply{version: version, payload: payload}.encode()); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	var proof [proofBytes]byte
	if _, err := io.ReadFull(conn, proof[:]); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	if _, ok := t.provedBy(s.cfg.Secrets(), labelDialler, proof[:]); !ok {
		return ErrBadProof
	}
	return nil
}

// cause tells the two reasons for a passed deadline apart.
func cause(err error, evicted bool) error {
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case evicted:
		return errEvicted
	default:
		return errTimeout
	}
}
