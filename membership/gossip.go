package membership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode"
)

const (
	// streamTimeout bounds one exchange of the whole state.
	streamTimeout = 5 * time.Second
	// leaveTimeout bounds the announcement of a leave.
	leaveTimeout = 2 * time.Second
	// leaveParallel bounds how many nodes are told at once.
	leaveParallel = 16
	// updateTimeout bounds how long an update of metadata is waited for; it
	// spreads in any case.
	updateTimeout = time.Second
	// confirmParallel bounds how many nodes are told at once that this one may
	// be counted on; gossip tells the rest.
	confirmParallel = 16
)

// gossip is one memberlist: one epoch of this node.
type gossip struct {
	name    string
	carrier *carrier
	list    *memberlist.Memberlist
	view    *view
	left    atomic.Bool

	// renewing holds a token while metadata is renewed: no mutex, for who waits for
	// it must count as waiting in tests with virtual time.
	renewing chan struct{}

	mu    sync.Mutex
	ended bool
	calls sync.WaitGroup // of leave
}

// startGossip makes the node heard. It owns the transport from now on, also if it
// fails.
func startGossip(cfg Config, v *view, t memberlist.Transport, d *delegate, log slog.Handler) (*gossip, error) {
	self := v.selfNode()
	g := &gossip{name: self.Ref.String(), view: v, renewing: make(chan struct{}, 1)}
	mc, err := memberlistConfig(cfg, self, d)
	if err != nil {
		return nil, errors.Join(err, shutTransport(t))
	}
	g.carrier = newCarrier(t, cfg.Timing.DialTimeout)
	mc.Transport, mc.Logger = g.carrier, slog.NewLogLogger(log, slog.LevelInfo)
	labelled(labelFor(g), func() { g.list, err = memberlist.Create(mc) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start gossip: %w", err), g.carrier.Shutdown())
	}
	return g, nil
}

func memberlistConfig(cfg Config, self Node, d *delegate) (*memberlist.Config, error) {
	ip, port, err := splitIP(self.GossipAddress)
	if err != nil {
		return nil, fmt.Errorf("%w: advertise address: %w", ErrConfig, err)
	}
	mc := memberlist.DefaultLANConfig()
	mc.Name = self.Ref.String()
	mc.Label = cfg.Cluster
	mc.SkipInboundLabelCheck = false
	mc.AdvertiseAddr, mc.AdvertisePort, mc.BindPort = ip, port, port
	mc.Keyring = cfg.keyring
	mc.TCPTimeout = streamTimeout
	mc.ProbeInterval, mc.ProbeTimeout = cfg.Timing.ProbeInterval, cfg.Timing.ProbeTimeout
	mc.SuspicionMult = cfg.Timing.SuspicionMult
	mc.GossipInterval = cfg.Timing.GossipInterval
	mc.PushPullInterval = cfg.Timing.PushPullInterval
	mc.Delegate, mc.Events, mc.Alive, mc.Merge, mc.Conflict, mc.Ping = d, d, d, d, d, d
	return mc, nil
}

// renew spreads this node's metadata as it is now; wait bounds how long it waits
// until gossip has sent it. One at a time: memberlist reads the metadata before it
// takes the number that makes it the newest, so of two at once the older metadata
// could win for good.
func (g *gossip) renew(wait time.Duration) {
	g.renewing <- struct{}{}
	defer func() { <-g.renewing }()
	_ = g.list.UpdateNode(wait) // an error is only that it takes longer
}

// join exchanges the whole state with whoever is at addr, an IP:PORT.
func (g *gossip) join(addr string) error {
	_, err := g.list.Join([]string{addr})
	return err
}

// update spreads the metadata each time it changes, until ctx ends.
func (g *gossip) update(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.view.changed:
		}
		if !g.left.Load() {
			g.renew(time.Millisecond) // does not wait for gossip's next round
		}
	}
}

// confirm tells the others that they may count on this node: some at once, by
// exchanging the state with them, the rest by gossip.
func (g *gossip) confirm() {
	if !g.begin() {
		return
	}
	defer g.calls.Done()
	if !g.view.setTentative(false) {
		return
	}
	g.renew(time.Millisecond)
	var wg sync.WaitGroup
	told := 0
	for _, addr := range g.view.peers() {
		if told++; told > confirmParallel {
			break
		}
		wg.Go(func() { _ = g.join(addr) })
	}
	wg.Wait()
}

// withdraw tells the others that nobody should count on this node: they show the
// one again whose name it had.
func (g *gossip) withdraw() {
	if g.view.setTentative(true) {
		g.renew(updateTimeout) // who does not hear it finds out when this node is gone for long
	}
}

// begin guards list against its end.
func (g *gossip) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return false
	}
	g.calls.Add(1)
	return true
}

// leave tells each living node, and gossip, that this one goes.
func (g *gossip) leave(ctx context.Context) error {
	if !g.begin() {
		return eventnode.ErrClosed
	}
	defer g.calls.Done()
	g.left.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() { g.tellAll([]byte(leftMessage + g.name)) })
	timeout := leaveTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(min(timeout, time.Until(deadline)), time.Millisecond)
	}
	err := g.list.Leave(timeout)
	wg.Wait()
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// tellAll sends a message to all living nodes. Who does not get it learns from
// gossip that this node is gone, but not why.
func (g *gossip) tellAll(msg []byte) {
	slots := make(chan struct{}, leaveParallel)
	var wg sync.WaitGroup
	for name, addr := range g.view.peers() {
		host, port, err := splitIP(addr)
		if err != nil {
			continue
		}
		to := &memberlist.Node{Name: name, Addr: net.ParseIP(host), Port: uint16(port)}
		slots <- struct{}{}
		wg.Go(func() {
			_ = g.list.SendReliable(to, msg)
			<-slots
		})
	}
	wg.Wait()
}

// halt ends all streams, so that what waits for one returns.
func (g *gossip) halt() { g.carrier.stop() }

// stop ends the gossip. With keep the transport stays open for the next epoch. It
// reports whether nothing of it runs any more.
func (g *gossip) stop(keep bool) bool {
	g.end()
	g.calls.Wait()
	if keep {
		g.carrier.keepOpen()
	}
	_ = g.list.Shutdown()
	return linger(labelFor(g))
}

func (g *gossip) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
}
