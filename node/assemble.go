package node

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/health"

	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/groups"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/membership"
	"github.com/eventnode/eventnode/tracing"
)

// join prepares this node's membership; rpc is where it listens.
func (n *Node) join(rpc net.Addr, store *storage) (*membership.Membership, error) {
	c := n.cfg
	advertise := c.AdvertiseRPC
	if advertise == "" {
		var err error
		if advertise, err = membership.AdvertiseAddress(rpc.String()); err != nil {
			return nil, err
		}
	}
	transport, err := c.Network.Gossip(c.GossipAddress)
	if err != nil {
		return nil, err
	}
	return membership.New(membership.Config{
		ID: c.ID, Cluster: c.Cluster,
		BindAddress: c.GossipAddress, AdvertiseAddress: c.AdvertiseGossip, RPCAddress: advertise,
		Zone: c.Zone, Labels: c.Labels, Version: c.Version, VersionMin: 1, VersionMax: 1,
		ClusterUUID: store.cluster(), Replica: store.replica(), StorageLevel: store.level(), Roles: store.roles(),
		Seeds: c.Seeds, SeedFile: c.SeedFile, SecretKeys: c.GossipKeys, DataDir: c.DataDir,
		Transport: transport, Logger: c.Logger, Registerer: c.Registry,
		Probe: func(ctx context.Context, m membership.Node) error { return probe(ctx, c.Network, m) },
	})
}

// probe tells whether a node that gossip holds alive answers at its rpc port.
func probe(ctx context.Context, network Network, m membership.Node) error {
	conn, err := network.Dial(ctx, m.RPCAddress)
	if err != nil {
		return err
	}
	return conn.Close()
}

// assemble makes the parts and ties them together. It starts nothing.
func (n *Node) assemble(members *membership.Membership, rpc net.Addr, store *storage) (*parts, error) {
	c, self := n.cfg, members.Self().Ref
	h := &handler{streams: store.streams}
	links, err := link.New(link.Config{
		Self: self, Cluster: c.Cluster, Secrets: n.keys.secrets,
		ClusterUUID: func() []byte { return uuidBytes(members.Self().ClusterUUID) },
		Dial:        c.Network.Dial, Credentials: c.TLS.client(), Clock: c.Storage.WallClock, Logger: c.Logger, Registerer: c.Registry,
	}, h)
	if err != nil {
		return nil, err
	}
	table, err := groups.New(groups.Config{Self: self, Peers: links, Logger: c.Logger, Registerer: c.Registry, Limits: groups.Limits{
		MaxGroups: c.Limits.MaxGroups, MaxMembersPerGroup: c.Limits.MaxMembersPerGroup,
		MaxMetaBytes: c.Limits.MaxMetaBytes, MaxEventBytes: c.Limits.MaxEventBytes,
	}})
	if err != nil {
		return nil, err
	}
	wants := newInterest()
	live, err := dispatch.New(dispatch.Config{
		Self: self.ID, Links: links, Interest: wants, Logger: c.Logger, Registerer: c.Registry,
		MaxEventBytes: c.Limits.MaxEventBytes, MaxSubscriptions: c.Limits.MaxSubscriptions,
	})
	if err != nil {
		return nil, err
	}
	h.groups, h.dispatch = table, live
	store.peers.attach(members, links)
	table.Hook(interestScope, func(d groups.Diff) {
		if d.Origin != self {
			live.SetInterest(d.Group, d.Origin, d.Members > 0)
		}
	})
	p := &parts{
		cfg: c, self: self, begin: time.Now(), members: members, links: links,
		groups: table, dispatch: live, tracer: tracing.New(c.TracerProvider), interest: wants, storage: store, healthy: health.NewServer(), callers: newCallers(), rpc: rpc, moving: make(chan struct{}), moved: make(chan struct{}),
		publisher: sync.OnceValues(func() (*dispatch.Publisher, error) { return live.NewPublisher(context.Background()) }),
	}
	p.gate = &gate{authorize: c.Authorizer, rules: methods(), vouched: links.Vouched, mutual: c.TLS != nil, logger: c.Logger, ready: n.ready, gone: make(chan struct{}, 1)}
	if p.chat, err = p.openChat(); err != nil {
		return nil, err
	}
	p.sources, err = n.openSources(p)
	h.chat, h.sources = p.chat, p.sources
	return p, err
}

// uuidBytes is empty for no UUID.
func uuidBytes(id uuid.UUID) []byte {
	if id == uuid.Nil {
		return nil
	}
	return id[:]
}
