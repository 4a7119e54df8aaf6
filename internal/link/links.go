package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// maxParked bounds the removed peers whose frame numbers are remembered.
const maxParked = 1024

// Links are all links of one node. Its methods are safe for concurrent use.
type Links struct {
	cfg     Config
	handler Handler
	called  *incoming
	start   time.Time

	generation atomic.Uint64 // of the last dial
	publishing atomic.Bool
	draining   atomic.Bool
	counters   totals

	// peers is what mu guards, copied for those who only look.
	peers atomic.Pointer[map[eventnode.NodeRef]*peer]

	mu      sync.Mutex
	byName  map[eventnode.NodeID]*peer
	parked  map[eventnode.NodeRef]parked
	ctx     context.Context // of Run; nil before it
	stopped bool
	wg      sync.WaitGroup // peers' run

	rndMu sync.Mutex // guards cfg.Rand
}

// totals are numbers that no single peer's State has.
type totals struct {
	unknown, gaps, stalls, handshakesRefused atomic.Uint64
}

// New checks the configuration. It starts nothing.
func New(cfg Config, handler Handler) (*Links, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, errors.New("link: no handler")
	}
	l := &Links{
		cfg: cfg, handler: handler, start: time.Now(),
		byName: make(map[eventnode.NodeID]*peer),
		parked: make(map[eventnode.NodeRef]parked),
	}
	l.called = newIncoming(l)
	l.publish()
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(collector{l}); err != nil {
			return nil, fmt.Errorf("link: metrics: %w", err)
		}
	}
	return l, nil
}

// Run dials peers and keeps the links until ctx ends. It returns when all its
// goroutines and all calls of Service have ended. It may be called once.
func (l *Links) Run(ctx context.Context) error {
	l.mu.Lock()
	if l.ctx != nil {
		l.mu.Unlock()
		return errors.New("link: Run was called before")
	}
	l.ctx = ctx
	for _, p := range l.byName {
		l.launch(p)
	}
	l.mu.Unlock()
	l.called.open()

	<-ctx.Done()
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.called.close()
	l.wg.Wait()
	return nil
}

// launch starts a peer. l.mu is held.
func (l *Links) launch(p *peer) {
	p.ctx, p.cancel = context.WithCancel(l.ctx)
	l.wg.Go(func() {
		defer p.cancel()
		p.run()
	})
}

// Service answers the links of other nodes. Register it at a gRPC server that
// was made with ServerOptions.
func (l *Links) Service() clusterv1.LinkServiceServer { return l.called }

// Add starts to dial a peer and goes on until Remove. The same peer again
// changes its address; a higher epoch of the same name replaces the lower one,
// which is lost then; a lower one is ignored. A peer may be added before Run.
func (l *Links) Add(ref eventnode.NodeRef, address string) {
	if ref.ID == l.cfg.Self.ID {
		return
	}
	l.mu.Lock()
	old := l.byName[ref.ID]
	switch {
	case l.stopped || l.draining.Load() || (old != nil && old.ref.Epoch > ref.Epoch):
		l.mu.Unlock()
		return
	case old != nil && old.ref == ref:
		l.mu.Unlock()
		old.readdress(address)
		return
	case old != nil:
		l.end(old)
	}
	p := l.newPeer(ref, address, l.parked[ref])
	delete(l.parked, ref)
	l.byName[ref.ID] = p
	if l.ctx != nil {
		l.launch(p)
	}
	l.publish()
	l.mu.Unlock()
	if old != nil {
		l.called.remove(old.ref, true)
	}
}

// Remove ends the links to and from a peer; LinkDown, if due, comes a little
// later. With lost, if the peer had accepted events from publishers and did not
// say goodbye, Handler.Gap is called with GapNodeLost, once.
func (l *Links) Remove(ref eventnode.NodeRef, lost bool) {
	l.mu.Lock()
	if p := l.byName[ref.ID]; p != nil && p.ref == ref {
		l.end(p)
		delete(l.byName, ref.ID)
		l.park(p)
		l.publish()
	}
	l.mu.Unlock()
	l.called.remove(ref, lost)
}

// end stops a peer. l.mu is held.
func (l *Links) end(p *peer) {
	if p.cancel != nil {
		p.cancel()
		return
	}
	p.discard(true) // it never ran
	close(p.done)
}

// park remembers a peer's lanes. l.mu is held.
func (l *Links) park(p *peer) {
	for ref := range l.parked {
		if ref.ID == p.ref.ID || len(l.parked) >= maxParked {
			delete(l.parked, ref)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l.parked[p.ref] = parked{lanes: p.lanes, granted: p.granted, done: p.done}
}

// publish makes byName's content visible to peer. l.mu is held, or l is new.
func (l *Links) publish() {
	peers := make(map[eventnode.NodeRef]*peer, len(l.byName))
	for _, p := range l.byName {
		peers[p.ref] = p
	}
	l.peers.Store(&peers)
}

// peer returns the peer, or nil.
func (l *Links) peer(ref eventnode.NodeRef) *peer { return (*l.peers.Load())[ref] }

// States lists the outgoing links, sorted by node.
func (l *Links) States() []State {
	states := make([]State, 0, len(*l.peers.Load()))
	for p := range maps.Values(*l.peers.Load()) {
		states = append(states, p.state())
	}
	slices.SortFunc(states, func(a, b State) int { return cmp.Compare(a.Ref.ID, b.Ref.ID) })
	return states
}

// SetPublishing tells all peers, now and later, that this node accepts events
// from publishers: from now on its loss may lose events. Call it before the
// first Send.
func (l *Links) SetPublishing() {
	if l.publishing.Swap(true) {
		return
	}
	for _, p := range *l.peers.Load() {
		g := p.gen.Load()
		if g == nil {
			continue
		}
		select {
		case g.publish <- struct{}{}:
		default:
		}
	}
}

// now is the time since the links were made: monotonic, and one number.
func (l *Links) now() time.Duration { return time.Since(l.start) }

// random returns a number in [0, 1).
func (l *Links) random() float64 {
	l.rndMu.Lock()
	defer l.rndMu.Unlock()
	return l.cfg.Rand.Float64()
}
