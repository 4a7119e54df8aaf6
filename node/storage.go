package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/internal/wire"
	"github.com/eventnode/eventnode/membership"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/streams"
)

// Storage is what a node with storage has to know. See streams.Config for what each
// field means.
type Storage struct {
	// Off makes a node that only serves subscribers and forwards.
	Off bool
	// BootstrapExpect is how many nodes with storage found a cluster. Defaults to 1
	// for a node without seeds, which is alone, and to 0 for one with seeds, which
	// joins what is there.
	BootstrapExpect int
	// Replicas is how many copies there are to be. Defaults to 3.
	Replicas int
	// MinFreeBytes is how much is to be left on the disk before events are refused.
	// Defaults to 512 MiB.
	MinFreeBytes uint64
	// LeaseTTL is how long a consumer's lease is kept for a holder that is not there.
	// Defaults to 15 s.
	LeaseTTL time.Duration
	// FS is the file system of the copies, as package vfs of Pebble describes it.
	// Defaults to the machine's. Tests give one that forgets or fails.
	FS vfs.FS
	// WallClock is the machine's clock. Defaults to time.Now. Tests set it wrongly.
	WallClock func() time.Time
}

// storage is the durable plane of this node, and what it needs of the others.
type storage struct {
	peers    *storagePeers
	streams  *streams.Streams // nil: this node has no storage
	watch    *streams.Observer
	service  *streams.Service
	operator *streams.Operator
	stopped  chan struct{} // closed when streams has handed over what it leads
}

// openStorage opens the data directory. Without one, or when it was turned off, the
// node has no storage.
func openStorage(c Config, secrets func() [][]byte) (*storage, error) {
	s := &storage{peers: newStoragePeers(c), stopped: make(chan struct{})}
	limits := streams.ServiceConfig{MaxEventBytes: c.Limits.MaxEventBytes}
	if c.DataDir == "" || c.Storage.Off {
		close(s.stopped)
		s.watch = streams.NewObserver(s.peers)
		limits.Self, limits.Leader, limits.Forward = c.ID, s.watch.Leader, s.peers.Conn
		limits.Logger, limits.Registerer = c.Logger, c.Registry
		var err error
		if s.service, err = streams.NewService(limits); err == nil {
			err = s.operate(c)
		}
		return s, err
	}
	expect := c.Storage.BootstrapExpect
	if expect == 0 && len(c.Seeds) == 0 && c.SeedFile == "" {
		expect = 1
	}
	var err error
	s.streams, err = streams.New(streams.Config{
		Dir: streamsDir(c.DataDir), Self: c.ID, Cluster: c.Cluster, Secrets: secrets,
		Peers: s.peers, Dial: c.TLS.raftDial(c.Network), Expect: expect, Replicas: c.Storage.Replicas,
		MinFreeBytes: c.Storage.MinFreeBytes, LeaseTTL: c.Storage.LeaseTTL, FS: c.Storage.FS, WallClock: c.Storage.WallClock, Logger: c.Logger, Registerer: c.Registry,
	})
	if err == nil {
		s.service, err = s.streams.Service(limits)
	}
	if err == nil {
		err = s.operate(c)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("storage: %w", err)
	}
	return s, nil
}

// operate makes what operators ask.
func (s *storage) operate(c Config) (err error) {
	s.operator, err = streams.NewOperator(streams.OperatorConfig{
		Cluster: c.Cluster, Version: c.Version, Peers: s.peers, Gone: s.peers.gone,
		Service: s.service, Streams: s.streams, Logger: c.Logger,
	})
	return err
}

// replica and cluster are what gossip tells of the storage.
func (s *storage) replica() uuid.UUID {
	if s.streams == nil {
		return uuid.Nil
	}
	return s.streams.Replica()
}

func (s *storage) cluster() uuid.UUID {
	if s.streams == nil {
		return uuid.Nil
	}
	return s.streams.ClusterUUID()
}

// level is that of the storage commands that this node knows.
func (s *storage) level() uint32 {
	if s.streams == nil {
		return 0
	}
	return streams.StorageLevel
}

// leader says who leads, as far as is known here.
func (s *storage) leader() func() (streams.Leader, bool) {
	if s.streams == nil {
		return s.watch.Leader
	}
	return s.streams.Leader
}

// notices are what an operator should know of the storage.
func (s *storage) notices() []string {
	if s.streams == nil {
		return nil
	}
	return s.streams.Notices()
}

// roles is what this node does by having storage.
func (s *storage) roles() []clusterv1.Role {
	if s.streams == nil {
		return nil
	}
	return []clusterv1.Role{clusterv1.Role_ROLE_STORAGE}
}

// run runs the durable plane until storing ends, which does with ctx, or before: a stopping
// node hands over what it leads while everything else still works.
func (s *storage) run(ctx, storing context.Context, conns net.Listener) error {
	if s.streams == nil {
		return s.watch.Run(ctx)
	}
	err := s.streams.Run(storing, conns)
	close(s.stopped)
	if err == nil && storing.Err() != nil {
		<-ctx.Done()
	}
	return err
}

// close releases what run has not.
func (s *storage) close() {
	s.peers.close()
	if s.streams != nil {
		_ = s.streams.Close()
	}
}

// raftDial dials another node's rpc port for Raft.
func (t *TLS) raftDial(network Network) func(context.Context, string) (net.Conn, error) {
	if t == nil {
		return network.Dial
	}
	return streams.Dialer(network.Dial, func() *tls.Config {
		_, client := t.now()
		return client
	})
}

// connectTimeout bounds one try to connect to the leader; who has a call to make does
// not wait as long.
const connectTimeout = 5 * time.Second

// storagePeers is the cluster as the durable plane needs to know it. Before attach
// nobody is there.
type storagePeers struct {
	network Network
	creds   credentials.TransportCredentials // nil: in the clear

	mu      sync.Mutex
	members *membership.Membership
	links   *link.Links
	conns   map[string]*grpc.ClientConn // by address; one a node with storage at most
	closed  bool
}

var _ streams.Peers = (*storagePeers)(nil)

func newStoragePeers(c Config) *storagePeers {
	return &storagePeers{network: c.Network, creds: c.TLS.client(), conns: make(map[string]*grpc.ClientConn)}
}

// attach says who knows the others.
func (p *storagePeers) attach(members *membership.Membership, links *link.Links) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members, p.links = members, links
}

func (p *storagePeers) parts() (*membership.Membership, *link.Links) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members, p.links
}

// Nodes implements streams.Peers.
func (p *storagePeers) Nodes() (list []streams.Node) {
	members, _ := p.parts()
	if members == nil {
		return nil
	}
	for _, m := range members.Nodes() {
		if m.Replica != uuid.Nil && m.State == membership.Alive {
			list = append(list, storageNode(m))
		}
	}
	return list
}

// gone is the nodes with storage that were lost or left in the last hour.
func (p *storagePeers) gone() (list []streams.Node) {
	members, _ := p.parts()
	if members == nil {
		return nil
	}
	for _, m := range members.Gone() {
		if m.Replica != uuid.Nil {
			list = append(list, storageNode(m))
		}
	}
	return list
}

func storageNode(m membership.Node) streams.Node {
	return streams.Node{ID: m.Ref.ID, Address: m.RPCAddress, Replica: m.Replica, Cluster: m.ClusterUUID, Level: max(m.StorageLevel, 1), Labels: m.Labels}
}

// Ask implements streams.Peers.
func (p *storagePeers) Ask(ctx context.Context, to eventnode.NodeID, req *clusterv1.StorageRequest) (*clusterv1.StorageResponse, error) {
	members, links := p.parts()
	if members == nil {
		return nil, fmt.Errorf("this node starts: %w", eventnode.ErrUnavailable)
	}
	for _, m := range members.Nodes() {
		if m.Ref.ID == to && m.State == membership.Alive {
			return links.Storage(ctx, m.Ref, req)
		}
	}
	return nil, fmt.Errorf("no node %s: %w", to, eventnode.ErrUnavailable)
}

// Conn implements streams.Peers. Connections to addresses that are no node's any
// more are closed.
func (p *storagePeers) Conn(address string) (grpc.ClientConnInterface, error) {
	current := map[string]bool{address: true}
	for _, n := range p.Nodes() {
		current[n.Address] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("this node has stopped: %w", eventnode.ErrClosed)
	}
	for a, c := range p.conns {
		if !current[a] {
			delete(p.conns, a)
			_ = c.Close()
		}
	}
	if c := p.conns[address]; c != nil {
		return c, nil
	}
	creds := p.creds
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	c, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.NewCodec()), grpc.MaxCallRecvMsgSize(link.MaxMessageBytes)),
		experimental.WithBufferPool(wire.Pool()),
		grpc.WithStaticStreamWindowSize(link.StreamWindow), grpc.WithStaticConnWindowSize(link.ConnWindow),
		grpc.WithReadBufferSize(link.ReadBuffer), grpc.WithWriteBufferSize(link.WriteBuffer),
		// A node that was gone for a while may lead a moment after it is back.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithContextDialer(p.network.Dial),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(p.vouch(ctx, address), method, req, reply, cc, opts...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return stream(p.vouch(ctx, address), desc, cc, method, opts...)
		}))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	p.conns[address] = c
	return c, nil
}

// vouch has the node at address know a call that is this node's own.
func (p *storagePeers) vouch(ctx context.Context, address string) context.Context {
	md, _ := metadata.FromOutgoingContext(ctx)
	if _, links := p.parts(); links != nil && permit.IsOwn(md) {
		return links.Vouch(ctx, address)
	}
	return ctx
}

// close closes the connections, and there are no others.
func (p *storagePeers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for a, c := range p.conns {
		delete(p.conns, a)
		_ = c.Close()
	}
}

// Announce implements streams.Peers.
func (p *storagePeers) Announce(replica, cluster uuid.UUID) error {
	members, _ := p.parts()
	members.SetReplica(replica)
	return members.SetClusterUUID(cluster)
}
