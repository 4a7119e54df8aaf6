package streams

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/consuming"
	"github.com/eventnode/eventnode/streams/internal/floors"
	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/identity"
	"github.com/eventnode/eventnode/streams/internal/raftnet"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// partitionMeta is the partition with the registry, and for now the only one.
const partitionMeta = 1

// Streams is the durable plane on one node.
type Streams struct {
	cfg   Config
	net   *raftnet.Server
	watch *Observer // for while the own replica does not run
	last  lastLeader
	desk  *consuming.Desk

	mu      sync.Mutex
	dir     *identity.Dir // another one when the copy was rebuilt
	founded forming.State
	// replica and floors are nil as long as this node belongs to no cluster.
	replica *replica.Replica
	floors  *floors.Book

	leaving atomic.Int32  // calls of Leave under way
	caught  atomic.Uint64 // the replica's life in which it was up to date; 0: none
}

// New opens the data directory, and locks it until Run returns (or Close, if Run is
// not called).
func New(cfg Config) (*Streams, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := resume(cfg.Dir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	dir, err := identity.Open(identity.Config{Path: cfg.Dir, Format: state.Level})
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	s := &Streams{cfg: cfg, dir: dir}
	if s.desk, err = consuming.New(consuming.Config{
		LeaseTTL: cfg.LeaseTTL, MaxConsumers: cfg.MaxConsumers, MaxLockWaiters: cfg.MaxLockWaiters,
		Logger: cfg.Logger, Registerer: cfg.Registerer,
	}); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	s.watch = &Observer{peers: cfg.Peers, knows: s.hasLeader, runs: s.hasReplica}
	if s.founded, err = forming.Load(cfg.Dir); err == nil {
		err = s.founded.Usable()
	}
	if err == nil {
		s.net, err = raftnet.New(raftnet.Config{
			Cluster: cfg.Cluster, Secret: cfg.Secret, Secrets: cfg.Secrets, Resolve: s.resolve, Dial: cfg.Dial,
			Logger: cfg.Logger, Registerer: cfg.Registerer,
		})
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return s, nil
}

// Close unlocks the data directory of what was never run.
func (s *Streams) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.Close()
}

// Replica is the UUID of this node's data directory, which gossip is to tell. It is
// another one after a damaged copy was replaced: see Peers.Announce.
func (s *Streams) Replica() uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.UUID()
}

// ClusterUUID is the cluster that this node belongs to; uuid.Nil if it belongs to
// none yet.
func (s *Streams) ClusterUUID() uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.founded.Stage != forming.Belongs {
		return uuid.Nil
	}
	return s.founded.Founding.Cluster
}

// resolve finds a replica's address through gossip.
func (s *Streams) resolve(id uuid.UUID) (string, bool) {
	for _, n := range s.cfg.Peers.Nodes() {
		if n.Replica == id {
			return n.Address, true
		}
	}
	return "", false
}

// Run takes part until ctx ends; conns is the listener of Raft's connections. Any
// other end is an error: a file that is damaged, an fsync that failed.
func (s *Streams) Run(ctx context.Context, conns net.Listener) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	// Connections outlive ctx by the time it takes to hand over leadership.
	network, unplug := context.WithCancel(context.WithoutCancel(ctx))
	defer unplug()
	var wires errgroup.Group
	wires.Go(func() error { return s.net.Run(network, conns) })
	wires.Go(func() error { return s.watch.Run(network) })
	err = s.live(ctx)
	unplug()
	unplugged := wires.Wait()
	if ctx.Err() != nil && errors.Is(unplugged, net.ErrClosed) {
		unplugged = nil // the port was closed before a hand-over that took its time
	}
	return errors.Join(err, unplugged)
}

// live holds a copy until ctx ends, and another one if that turns out to be
// damaged.
func (s *Streams) live(ctx context.Context) error {
	for {
		err := s.hold(ctx)
		if ctx.Err() != nil || !replica.IsDamage(err) {
			return err
		}
		if err := s.rebuild(ctx, err); err != nil {
			return err
		}
	}
}

// hold belongs to a cluster, as soon as there is one, and holds a replica of it.
func (s *Streams) hold(asked context.Context) error {
	g, ctx := errgroup.WithContext(asked)
	g.Go(func() error {
		if belongs, err := s.form(ctx); err != nil || !belongs {
			return err
		}
		r, book, err := s.open()
		if err != nil {
			return err
		}
		g.Go(func() error { return s.begin(ctx, r) })
		g.Go(func() error { return s.hear(ctx, r, book) })
		g.Go(func() error { return s.reconcile(ctx, r) })
		g.Go(func() error { return s.upkeep(ctx, r) })
		g.Go(func() error { return s.standing(ctx, r) })
		g.Go(func() error { return s.catchUp(ctx, r) })
		g.Go(func() error { return s.desk.Run(ctx, r) })
		return r.Run(ctx)
	})
	err := g.Wait()
	if asked.Err() != nil && errors.Is(err, eventnode.ErrUnavailable) {
		return nil // what was begun when it was asked to end, such as founding the cluster
	}
	return err
}

// open makes the replica of the one partition.
func (s *Streams) open() (*replica.Replica, *floors.Book, error) {
	book, err := floors.Load(filepath.Join(s.cfg.Dir, "floors"))
	if err != nil && !errors.Is(err, floors.ErrDamaged) {
		return nil, nil, err
	}
	if err != nil {
		s.cfg.Logger.Warn("what peers made durable is asked of them again", "error", err)
	}
	r, err := replica.New(replica.Config{
		Dir: partitionDir(s.cfg.Dir), Cluster: s.ClusterUUID(), Partition: partitionMeta, ID: s.Replica(), Net: s.net, Clear: s.clear,
		HeartbeatTimeout: s.cfg.HeartbeatTimeout, MemoryBytes: s.cfg.MemoryBytes, MinFreeBytes: s.cfg.MinFreeBytes,
		FS: s.cfg.FS, WallClock: s.cfg.WallClock, OnLevel: s.upgrade, OnDecided: s.desk.Decided, Logger: s.cfg.Logger, Registerer: s.cfg.Registerer,
	})
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replica, s.floors = r, book
	return r, book, nil
}

// upgrade marks the data directory, so that no older program opens it: what is in it
// from here on it does not know. Levels of commands are formats of directories.
func (s *Streams) upgrade(level uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if level <= s.dir.Format() {
		return nil
	}
	return s.dir.Upgrade(level)
}

// partition is this node's replica, if it has one.
func (s *Streams) partition() (*replica.Replica, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replica, s.replica != nil
}

// Leader is the node that leads, as far as this one knows.
func (s *Streams) Leader() (Leader, bool) {
	r, ok := s.partition()
	if ok {
		if id := r.Leader(); id != uuid.Nil {
			l, ok := leaderOf(s.cfg.Peers.Nodes(), id)
			s.last.note(l, time.Now())
			return l, ok
		}
	}
	if l, ok := s.watch.Leader(); ok || r == nil || r.Running() {
		return l, ok
	}
	return s.last.look(time.Now())
}

// hasLeader reports whether this node's replica hears a leader.
func (s *Streams) hasLeader() bool {
	r, ok := s.partition()
	return ok && r.Leader() != uuid.Nil
}

// hasReplica reports whether this node has a replica that runs.
func (s *Streams) hasReplica() bool {
	r, ok := s.partition()
	return ok && r.Running()
}

// Status says how this node's replica is; false: it has none yet.
func (s *Streams) Status() (replica.Status, bool) {
	r, ok := s.partition()
	if !ok {
		return replica.Status{}, false
	}
	return r.Status(), true
}

// Service serves streams to clients of this node.
func (s *Streams) Service(limits ServiceConfig) (*Service, error) {
	limits.Self, limits.Leader, limits.Forward = s.cfg.Self, s.Leader, s.cfg.Peers.Conn
	limits.Logger, limits.Registerer, limits.Desk = s.cfg.Logger, s.cfg.Registerer, s.desk
	limits.Partition = func() (partition, bool) {
		r, ok := s.partition()
		return r, ok
	}
	return NewService(limits)
}
