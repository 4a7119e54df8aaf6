package membership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/labels"
)

// Membership is this node's place in the cluster and its view of the others.
type Membership struct {
	cfg      Config
	seeds    seedSource
	view     *view
	inbox    *inbox
	metrics  *metrics
	logger   *slog.Logger
	log      slog.Handler // takes memberlist's lines
	refusal  *refusalLog
	contacts *contacts
	started  atomic.Bool
	ready    chan struct{}
	once     sync.Once
	waits    atomic.Value           // of string: what for, as long as it is not ready
	gossip   atomic.Pointer[gossip] // nil unless running
}

// New checks the configuration and chooses the epoch. It starts nothing.
func New(cfg Config) (*Membership, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	seeds, err := parseSeeds(cfg.Seeds)
	if err != nil {
		return nil, err
	}
	self, meta, err := selfOf(cfg)
	if err != nil {
		return nil, err
	}
	if err := checkReach(self, literal(seeds)); err != nil {
		return nil, err
	}
	if cfg.keyring, err = newKeyring(cfg.SecretKeys); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	mtr, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	logger := cfg.Logger.With("component", "membership")
	known := newContacts(func(r Refusal) { mtr.refused.WithLabelValues(string(r)).Inc() })
	return &Membership{
		cfg:      cfg,
		seeds:    seedSource{fixed: seeds, file: cfg.SeedFile, resolver: cfg.Resolver},
		view:     newView(self, meta, mtr),
		inbox:    newInbox(),
		metrics:  mtr,
		logger:   logger,
		log:      newGossipLog(logger, mtr.suppressed.Inc, known),
		refusal:  newRefusalLog(logger, mtr),
		contacts: known,
		ready:    make(chan struct{}),
	}, nil
}

// selfOf makes this node's own entry and its metadata.
func selfOf(cfg Config) (Node, []byte, error) {
	advertise, err := cfg.advertised()
	if err != nil {
		return Node{}, nil, err
	}
	persisted, err := loadEpoch(cfg.DataDir)
	if err != nil {
		return Node{}, nil, err
	}
	self := Node{
		Ref:           eventnode.NodeRef{ID: cfg.ID, Epoch: nextEpoch(persisted, 0, time.Now())},
		GossipAddress: advertise,
		RPCAddress:    cfg.RPCAddress,
		Zone:          cfg.Zone,
		Version:       cfg.Version,
		VersionMin:    cfg.VersionMin,
		VersionMax:    cfg.VersionMax,
		Roles:         cfg.Roles,
		ClusterUUID:   cfg.ClusterUUID,
		Replica:       cfg.Replica,
		StorageLevel:  cfg.StorageLevel,
		Labels:        maps.Clone(cfg.Labels),
		Tentative:     true,
	}
	if err := labels.Check(cfg.Labels); err != nil {
		return Node{}, nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	full := self
	full.ClusterUUID = uuid.Max // there must be room for the one to come
	if _, err := encodeMeta(full); err != nil {
		return Node{}, nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	meta, err := encodeMeta(self)
	return self, meta, err
}

// Run takes part in the gossip until ctx ends, and returns nil then, or the
// reason why it could not go on: eventnode.ErrNameTaken, ErrLoopback, or what
// listening returned. It may be called once.
func (m *Membership) Run(ctx context.Context) error {
	if !m.started.CompareAndSwap(false, true) {
		return fmt.Errorf("run membership again: %w", eventnode.ErrClosed)
	}
	defer m.view.end()
	t, err := m.open(ctx)
	if err != nil {
		return err
	}
	for {
		next, err := m.live(ctx, t)
		if err != nil || next == 0 {
			return err
		}
		m.logger.Info("taking a higher epoch: an earlier life of this node had one", "epoch", next)
		m.view.restart(next)
	}
}

// open binds the gossip port, if no transport was given, and finds out the
// advertised address.
func (m *Membership) open(ctx context.Context) (memberlist.Transport, error) {
	advertise, err := m.resolveAdvertised(ctx)
	if err != nil {
		return nil, err
	}
	t := m.cfg.Transport
	if t == nil {
		udp, err := m.listen()
		if err != nil {
			return nil, err
		}
		if host, port, _ := net.SplitHostPort(advertise); port == "0" {
			advertise = net.JoinHostPort(host, strconv.Itoa(udp.GetAutoBindPort()))
		}
		t = udp
	}
	m.view.change(func(self *Node) { self.GossipAddress = advertise })
	return t, nil
}

// resolveAdvertised looks up the advertised host, if it is a name.
func (m *Membership) resolveAdvertised(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	advertise, err := resolveHostPort(ctx, m.cfg.Resolver, m.view.selfNode().GossipAddress)
	if err == nil {
		return advertise, nil
	}
	err = fmt.Errorf("advertise address: %w", err)
	if m.cfg.Transport != nil {
		err = errors.Join(err, shutTransport(m.cfg.Transport))
	}
	return "", err
}

func (m *Membership) listen() (netTransport, error) {
	ip, port, err := splitIP(m.cfg.BindAddress)
	if err != nil {
		return netTransport{}, err
	}
	t, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{ip}, BindPort: port, Logger: slog.NewLogLogger(m.log, slog.LevelInfo),
	})
	if err != nil {
		return netTransport{}, fmt.Errorf("listen for gossip: %w", err)
	}
	return netTransport{t}, nil
}

// live is one epoch: it returns a higher one to go on with, or 0 at the end. It
// shuts t down unless there is a next one.
func (m *Membership) live(ctx context.Context, t memberlist.Transport) (next uint64, err error) {
	self := m.view.selfNode()
	if err := saveEpoch(m.cfg.DataDir, self.Ref.Epoch); err != nil {
		return 0, errors.Join(err, shutTransport(t))
	}
	d := &delegate{self: self.Ref, view: m.view, inbox: m.inbox, refused: m.refusal.note, contacts: m.contacts}
	g, err := startGossip(m.cfg, m.view, t, d, m.log)
	if err != nil {
		return 0, err
	}
	m.logger.Info("gossip started", "node", self.Ref.String(), "address", self.GossipAddress, "cluster", m.cfg.Cluster)
	m.gossip.Store(g)
	next, err = m.tend(ctx, g)
	if errors.Is(err, eventnode.ErrNameTaken) {
		g.withdraw()
	}
	m.gossip.Store(nil)
	if !g.stop(next > 0) {
		m.logger.Warn("some goroutines of the gossip have not ended")
	}
	return next, err
}

// tend runs the goroutines around one gossip, and returns when all have ended.
func (m *Membership) tend(ctx context.Context, g *gossip) (next uint64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tried := make(chan struct{})
	r := &rejoiner{
		seeds: &m.seeds, view: m.view, interval: m.cfg.Timing.RejoinInterval,
		join: g.join, left: g.left.Load, contacts: m.contacts, metrics: m.metrics, logger: m.logger,
	}
	var wg sync.WaitGroup
	wg.Go(func() { g.update(ctx) })
	wg.Go(func() { cancel(r.run(ctx, tried)) })
	next, err = newOwner(m, tried).run(ctx)
	failed := context.Cause(ctx)
	cancel(nil)
	g.halt()
	wg.Wait()
	if err == nil && errors.Is(failed, ErrLoopback) {
		err = failed
	}
	return next, err
}

// Ready is closed when gossip listens, all seeds were tried once, and no other
// node with this name answers. From then on Self().Ref does not change any more.
func (m *Membership) Ready() <-chan struct{} { return m.ready }

// Waiting says what this node waits for before it is ready; "" when it is.
func (m *Membership) Waiting() string {
	if m.isReady() {
		return ""
	}
	waits, _ := m.waits.Load().(string)
	return cmp.Or(waits, "its gossip to start")
}

func (m *Membership) setReady() { m.once.Do(func() { close(m.ready) }) }

func (m *Membership) isReady() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

// Self returns this node.
func (m *Membership) Self() Node { return m.view.selfNode() }

// Nodes returns the living nodes, this one first, then by id.
func (m *Membership) Nodes() []Node {
	m.view.mu.Lock()
	defer m.view.mu.Unlock()
	return m.view.nodes()
}

// Gone returns nodes that were lost or left in the last hour, by id; those that
// are back are not among them.
func (m *Membership) Gone() []Node {
	m.view.mu.Lock()
	defer m.view.mu.Unlock()
	return m.view.table.departed()
}

// Watch starts to watch. The first event is a snapshot. buffer bounds the events
// that wait for Next; 0 means 256. When it is full they are dropped, counted, and
// Next returns a resync.
func (m *Membership) Watch(buffer int) *Watcher { return m.view.watch(buffer) }

// Leave tells the others that this node goes for good: it tells each of them, and
// gossip. Run goes on until its context ends. A node that does not run returns
// eventnode.ErrClosed.
func (m *Membership) Leave(ctx context.Context) error {
	g := m.gossip.Load()
	if g == nil {
		return eventnode.ErrClosed
	}
	m.view.change(func(self *Node) { self.State = Left })
	return g.leave(ctx)
}

// SetReplica tells the others that this node has another replica of the durable
// plane now: its copy was rebuilt.
func (m *Membership) SetReplica(id uuid.UUID) { m.view.setReplica(id) }

// SetClusterUUID gives the cluster its UUID. Nodes that have none adopt it. If
// this node has another one already, the error is eventnode.ErrForeignCluster.
func (m *Membership) SetClusterUUID(id uuid.UUID) error { return m.view.setUUID(id) }
