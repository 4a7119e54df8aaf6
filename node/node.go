package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/health"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/groups"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/membership"
	"github.com/eventnode/eventnode/tracing"
)

// Node is one member of a cluster, embedded in this process.
type Node struct {
	cfg     Config
	keys    *keys
	started atomic.Bool
	start   starting
	ready   chan struct{} // closed when parts is set and serves
	done    chan struct{} // closed when Run has ended
	parts   *parts        // set before ready is closed, never changed after
}

// parts is what exists once the node knows its epoch.
type parts struct {
	cfg      Config
	self     eventnode.NodeRef
	begin    time.Time
	members  *membership.Membership
	links    *link.Links
	groups   *groups.Groups
	dispatch *dispatch.Dispatcher
	tracer   *tracing.Tracer // nil: off
	interest *interest
	storage  *storage
	chat     *chatService // nil: none
	sources  *sources
	callers  *callers
	gate     *gate
	healthy  *health.Server
	// publisher is the one that callers of the Node share. It is made when first
	// used: the loss of a node without publishers is no gap to anybody.
	publisher func() (*dispatch.Publisher, error)
	rpc       net.Addr
	http      *httpServer
	stopping  atomic.Bool
	moving    chan struct{} // closed when clients are to go to other nodes
	moved     chan struct{} // closed when they have
	end       func()        // ends the node as the end of Run's context does
}

var (
	_ eventnode.Live    = (*Node)(nil)
	_ eventnode.Cluster = (*Node)(nil)

	_ eventnode.Administration = (*Node)(nil)
)

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	for name, address := range map[string]string{
		"GossipAddress": cfg.GossipAddress, "RPCAddress": cfg.RPCAddress,
	} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("node: %s is not HOST:PORT: %w", name, err)
		}
	}
	if t := cfg.TLS; t != nil && t.Current == nil && (t.Server == nil || t.Client == nil) {
		return nil, errors.New("node: TLS needs both Server, for the listener, and Client, to dial other nodes")
	}
	if cfg.HTTPIngest && cfg.HTTPAddress == "" {
		return nil, errors.New("node: HTTPIngest needs HTTPAddress, where events are taken")
	}
	if cfg.HTTPTLS && cfg.TLS == nil {
		return nil, errors.New("node: HTTPTLS needs TLS, whose certificate it uses")
	}
	return &Node{cfg: cfg, keys: newKeys(cfg.GossipKeys), ready: make(chan struct{}), done: make(chan struct{})}, nil
}

// Ready is closed when the node serves: its ports are open, its seeds were
// tried, and it has links to the nodes that answered (or waited for them for
// three seconds).
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Run starts the node and keeps it until ctx ends; then it says goodbye to its
// peers, stops, and returns nil. Any other end is an error. It may be called
// once.
func (n *Node) Run(ctx context.Context) error {
	if n.started.Swap(true) {
		return errors.New("node: Run was called twice")
	}
	defer close(n.done)
	listener, err := n.cfg.Network.Listen(n.cfg.RPCAddress)
	if err != nil {
		return fmt.Errorf("rpc address %s: %w", n.cfg.RPCAddress, err)
	}
	defer func() { _ = listener.Close() }()
	n.start.at(func() string { return "its storage and its gossip to open" })
	defer n.start.watched(ctx, n.ready, n.cfg.Logger)()
	if n.cfg.ID == "" {
		n.cfg.ID = defaultID(listener.Addr().String())
	}
	store, err := openStorage(n.cfg, n.keys.secrets)
	if err != nil {
		return err
	}
	defer store.close()
	members, err := n.join(listener.Addr(), store)
	if err != nil {
		return err
	}

	asked, end := context.WithCancel(ctx)
	defer end()
	// The parts outlive asked by the time it takes to say goodbye.
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, alive := errgroup.WithContext(alive)
	n.start.at(members.Waiting)
	// The durable plane goes when the clients have gone, who may need it for that.
	storing, retire := context.WithCancel(alive)
	defer retire()
	g.Go(func() error { return ended(alive, "membership", members.Run(alive)) })
	g.Go(func() error { return n.serve(alive, storing, end, g, members, listener, store) })
	g.Go(func() error {
		select {
		case <-asked.Done():
			n.goodbye(retire)
			stop()
		case <-alive.Done():
		}
		return nil
	})
	return g.Wait()
}

// ended makes sure that a part that returns ends the node: with its error, or,
// if nobody asked it to end, with one that says so.
func ended(ctx context.Context, part string, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", part, err)
	case ctx.Err() == nil:
		return fmt.Errorf("%s ended by itself", part)
	}
	return nil
}

// serve makes the parts when membership has settled the epoch, and runs them until
// ctx ends, and the durable plane until storing does; end asks the node to stop.
func (n *Node) serve(ctx, storing context.Context, end func(), g *errgroup.Group, members *membership.Membership, listener net.Listener, store *storage) error {
	select {
	case <-members.Ready():
	case <-ctx.Done():
		return nil
	}
	n.start.at(func() string { return "its services to begin" })
	p, err := n.assemble(members, listener.Addr(), store)
	if err != nil {
		return err
	}
	p.end = end
	if p.http, err = p.openHTTP(); err != nil {
		return err
	}
	troubles, err := newTroubles(p, n.cfg.Logger, n.cfg.Registry)
	if err != nil {
		return err
	}
	f, ports := newFollower(p), p.ports(listener)
	for name, run := range map[string]func(context.Context) error{
		"groups":   p.groups.Run,
		"dispatch": p.dispatch.Run,
		"links":    p.links.Run,
		"rpc":      func(ctx context.Context) error { return p.serveRPC(ctx, ports) },
		"storage":  func(ctx context.Context) error { return store.run(ctx, storing, ports.raft) },
		"http":     p.http.run,
		"chat":     p.chat.run,
		"sources":  p.sources.run,
		"follower": f.run,
		"callers":  p.callers.run,
		"troubles": troubles.run,
	} {
		g.Go(func() error { return ended(ctx, name, run(ctx)) })
	}
	if err := p.interest.open(ctx, p.groups); err != nil {
		return ended(ctx, "interest", err)
	}
	n.start.at(func() string { return "links to the nodes it knows, and what these are interested in" })
	f.settle(ctx)
	n.parts = p
	close(n.ready)
	n.warnOfOpenPorts()
	n.cfg.Logger.Info("ready", "node", p.self.String(), "cluster", n.cfg.Cluster,
		"gossip", members.Self().GossipAddress, "rpc", members.Self().RPCAddress)
	return nil
}

// settled returns the parts once the node is ready.
func (n *Node) settled(ctx context.Context) (*parts, error) {
	select {
	case <-n.ready:
		return n.parts, nil
	default:
	}
	select {
	case <-n.ready:
		return n.parts, nil
	case <-n.done:
		return nil, eventnode.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Self returns the node's name and epoch; the epoch is 0 before Ready.
func (n *Node) Self() eventnode.NodeRef {
	if p, ok := n.now(); ok {
		return p.self
	}
	return eventnode.NodeRef{ID: n.cfg.ID}
}

// RPCAddress returns where the rpc port listens; "" before Ready.
func (n *Node) RPCAddress() string {
	if p, ok := n.now(); ok {
		return p.rpc.String()
	}
	return ""
}

// GossipAddress returns where gossip is reached; "" before Ready.
func (n *Node) GossipAddress() string {
	if p, ok := n.now(); ok {
		return p.members.Self().GossipAddress
	}
	return ""
}

// HTTPAddress returns where the HTTP address listens; "" before Ready, or if it is off.
func (n *Node) HTTPAddress() string {
	if p, ok := n.now(); ok {
		return p.http.address()
	}
	return ""
}

// GatewayAddress returns where clients of the chat service connect; "" before Ready, or
// if it is off.
func (n *Node) GatewayAddress() string {
	if p, ok := n.now(); ok {
		return p.chat.gatewayAddress()
	}
	return ""
}

// now returns the parts if the node is ready.
func (n *Node) now() (*parts, bool) {
	select {
	case <-n.ready:
		return n.parts, true
	default:
		return nil, false
	}
}
