package raftnet

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/eventnode/eventnode"
)

// refusalLogInterval is how often a refusal is logged, after the first ones.
const refusalLogInterval = time.Minute

// Identity says which replica of what a Layer is.
type Identity struct {
	// Cluster is the UUID that was born with the cluster.
	Cluster uuid.UUID
	// Partition is the number of the Raft group.
	Partition uint32
	// Replica is the UUID that was born with the data directory. It is the
	// replica's Raft id and its Raft address.
	Replica uuid.UUID
}

// Server is a node's end of Raft connections: it finds out whom one that came in
// is for, and hands it to that replica's Layer.
type Server struct {
	cfg     Config
	metrics *metrics
	logging rate.Sometimes
	pending pending
	// checkTarget is switched off only by tests.
	checkTarget bool

	mu     sync.Mutex
	layers map[uint32]*Layer // one replica of a partition
}

// New returns a Server. Nothing runs before Run; layers can be opened and can
// dial before it.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("raft transport metrics: %w", err)
	}
	return &Server{
		cfg: cfg, metrics: m,
		logging:     rate.Sometimes{First: 3, Interval: refusalLogInterval},
		pending:     pending{max: cfg.MaxPending},
		checkTarget: targetChecked,
		layers:      make(map[uint32]*Layer),
	}, nil
}

// Run takes connections from l until ctx ends or l fails, and closes l. Layers
// and what was handed to them stay.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer func() { _ = l.Close() }()
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept raft connections: %w", err)
		}
		_ = conn.SetDeadline(time.Now().Add(s.cfg.PreambleTimeout)) // a broken one fails at its first read
		c := s.pending.add(conn)
		wg.Go(func() { s.receive(ctx, c) })
	}
}

// receive brings one connection through its preamble and to its replica.
func (s *Server) receive(ctx context.Context, c *candidate) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	layer, from, err := s.admit(c)
	evicted := s.pending.done(c)
	if !stop() {
		_ = c.Close() // the node stops: nobody's fault
		return
	}
	if err == nil {
		err = layer.take(c.Conn, from)
	}
	if err == nil {
		s.metrics.accepted.Inc()
		return
	}
	_ = c.Close()
	s.refused(c.RemoteAddr(), cause(err, evicted))
}

// refused counts, and logs now and then: garbage must not flood the log.
func (s *Server) refused(remote net.Addr, err error) {
	s.metrics.refused.WithLabelValues(labelOf(err)).Inc()
	s.logging.Do(func() {
		s.cfg.Logger.Warn("refused a raft connection", "remote", remote, "error", err)
	})
}

// Open makes the layer of a replica that this node has. A server has one replica
// of a partition at a time.
func (s *Server) Open(id Identity) (*Layer, error) {
	if id.Cluster == uuid.Nil || id.Replica == uuid.Nil {
		return nil, fmt.Errorf("%w: raft layer without cluster or replica UUID", eventnode.ErrInvalidArgument)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.layers[id.Partition]; other != nil {
		return nil, fmt.Errorf("%w: partition %d, replica %s", ErrOpen, id.Partition, other.id.Replica)
	}
	l := newLayer(s, id)
	s.layers[id.Partition] = l
	return l, nil
}

// forget takes a closed layer out.
func (s *Server) forget(l *Layer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.layers[l.id.Partition] == l {
		delete(s.layers, l.id.Partition)
	}
}

// layer returns the replica of a partition, or nil.
func (s *Server) layer(partition uint32) *Layer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.layers[partition]
}
