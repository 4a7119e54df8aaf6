package link

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// redial is how long a peer is left alone after a failed dial.
var redial = backoff.Backoff{Min: 100 * time.Millisecond, Max: 3 * time.Second}

// steady is how long a link must have been up to be dialled again at once.
const steady = time.Second

// peer is the outgoing side towards one life of one node: its lanes, and the
// generation of the link that sends what they hold, if there is one.
type peer struct {
	l       *Links
	ref     eventnode.NodeRef
	lanes   []*lane // Config.Lanes of them; those not granted forward to others
	tracker *tracker

	ctx    context.Context // ends with Remove, or with Run
	cancel context.CancelFunc
	before <-chan struct{} // closed when an earlier peer has let go of the lanes
	done   chan struct{}   // closed when run has returned
	kick   chan struct{}   // holds a token when the address changed

	gen atomic.Pointer[generation] // the link that is up; nil if none is
	// downSince is since when there is no link, in nanoseconds since the links'
	// start; 0 while there is one.
	downSince atomic.Int64
	everUp    atomic.Bool
	// interrupted says that this peer was removed and added again, and has not
	// been told so yet: what it was interested in meanwhile was not sent.
	interrupted atomic.Bool
	counters    counters

	mu      sync.Mutex
	address string
	granted int       // lanes; 0 before the first handshake
	lastErr string    // of the present episode
	kind    ErrorKind // of lastErr, as logged
	clocks  Difference
	refused bool // Handler.Refused was called in this episode
}

// counters are a peer's numbers for State.
type counters struct {
	frames, bytes, events, dropped, lostFrames, exchangesRefused atomic.Uint64
}

// parked is what stays of a peer after Remove: its numbers and notices, in case
// the same life of that node comes back.
type parked struct {
	lanes   []*lane
	granted int
	done    <-chan struct{}
}

func (l *Links) newPeer(ref eventnode.NodeRef, address string, old parked) *peer {
	p := &peer{
		l: l, ref: ref, address: address,
		tracker: newTracker(l.cfg.MaxTracked),
		lanes:   old.lanes, granted: old.granted, before: old.done,
		done: make(chan struct{}), kick: make(chan struct{}, 1),
	}
	if p.lanes == nil {
		for range l.cfg.Lanes {
			p.lanes = append(p.lanes, newLane(l.cfg.LaneBytes, l.cfg.MaxDropTopics, l.now))
		}
	}
	p.downSince.Store(max(1, int64(l.now())))
	p.interrupted.Store(old.done != nil)
	return p
}

// run keeps a link to the peer until its context ends.
func (p *peer) run() {
	defer close(p.done)
	if p.before != nil {
		<-p.before
	}
	for _, ln := range p.lanes {
		ln.open()
	}
	defer p.discard(true)
	for attempt := 0; p.ctx.Err() == nil; attempt++ {
		expire := time.AfterFunc(p.patience(), p.expire)
		lasted, err := p.connect(p.ctx)
		expire.Stop()
		if p.ctx.Err() != nil {
			return
		}
		p.failed(err)
		if lasted >= steady {
			attempt = -1
			continue // the first dial after a loss is at once
		}
		p.pause(attempt)
	}
}

// patience is how long from now what is queued may still wait for a link.
func (p *peer) patience() time.Duration {
	return max(0, p.l.cfg.StallTimeout-p.downFor())
}

// downFor returns since when there is no link; 0 while there is one.
func (p *peer) downFor() time.Duration {
	since := p.downSince.Load()
	if since == 0 {
		return 0
	}
	return p.l.now() - time.Duration(since)
}

// overdue reports whether the link is gone for so long that events are dropped.
func (p *peer) overdue() bool { return p.downFor() > p.l.cfg.StallTimeout }

// expire drops what waits for a link that does not come.
func (p *peer) expire() {
	if p.gen.Load() == nil {
		p.discard(false)
	}
}

// discard drops all that is queued, with notices in its place.
func (p *peer) discard(closing bool) {
	for _, ln := range p.lanes {
		events, receipts := ln.discard(closing)
		p.counters.dropped.Add(events)
		p.tracker.unsent(receipts)
	}
	if closing {
		p.tracker.lost()
	}
}

// pause waits before the next dial: a random while, which grows, or until the
// address changes.
func (p *peer) pause(attempt int) {
	timer := time.NewTimer(redial.Next(attempt, p.l.random()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.kick:
	case <-p.ctx.Done():
	}
}

// failed notes why there is no link, and logs it if that is a new reason. Whether it is
// worth a warning is for who knows what gossip says: see State.
func (p *peer) failed(err error) {
	kind := errorKind(err)
	p.mu.Lock()
	news := kind != p.kind
	p.kind, p.lastErr = kind, err.Error()
	p.mu.Unlock()
	if news {
		p.l.cfg.Logger.Info("link failed", "node", p.ref.String(), "address", p.addressNow(), "kind", string(kind), "error", err)
	}
}

// cameUp makes g the link that calls use.
func (p *peer) cameUp(g *generation) {
	now := p.l.now()
	for _, ln := range p.lanes {
		ln.touch(now)
		ln.stalled.Store(false)
	}
	p.mu.Lock()
	p.kind, p.lastErr, p.refused = "", "", false
	p.mu.Unlock()
	p.gen.Store(g)
	p.everUp.Store(true)
	p.downSince.Store(0)
	p.l.cfg.Logger.Info("link up", "node", p.ref.String(), "generation", g.number, "lanes", g.lanes)
	p.l.handler.LinkUp(p.ref)
}

// wentDown is the opposite of cameUp.
func (p *peer) wentDown() {
	p.gen.Store(nil)
	p.downSince.Store(max(1, int64(p.l.now())))
	for _, ln := range p.lanes {
		ln.stalled.Store(false)
	}
	p.tracker.lost()
	p.l.handler.LinkDown(p.ref)
}

// readdress changes the address; a dial that waits starts at once.
func (p *peer) readdress(address string) {
	p.mu.Lock()
	changed := p.address != address
	p.address = address
	p.mu.Unlock()
	if !changed {
		return
	}
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

func (p *peer) addressNow() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

// lastSent returns the number of the last frame of each lane, or nothing if
// there never was one.
func (p *peer) lastSent() []uint64 {
	sent, any := make([]uint64, len(p.lanes)), false
	for i, ln := range p.lanes {
		sent[i] = ln.sent.Load()
		any = any || sent[i] > 0
	}
	if !any {
		return nil
	}
	return sent
}

// grant makes the first n lanes take over the publishers of the rest. n is the
// same in each handshake of two lives of two nodes: the lower of what both are
// configured with.
func (p *peer) grant(n int) error {
	p.mu.Lock()
	before := p.granted
	p.granted = n
	p.mu.Unlock()
	if before == n {
		return nil
	}
	if before != 0 {
		return fmt.Errorf("%w: %d lanes granted, %d before", eventnode.ErrInvalidArgument, n, before)
	}
	for i := n; i < len(p.lanes); i++ {
		p.lanes[i].mergeInto(p.lanes[i%n])
	}
	return nil
}

// state describes the peer.
func (p *peer) state() State {
	s := State{
		Ref: p.ref, Phase: p.phase(),
		Frames: p.counters.frames.Load(), Bytes: p.counters.bytes.Load(), Events: p.counters.events.Load(),
		Dropped: p.counters.dropped.Load(), LostFrames: p.counters.lostFrames.Load(),
		ExchangesRefused: p.counters.exchangesRefused.Load(),
	}
	if g := p.gen.Load(); g != nil {
		s.Generation = g.number
	}
	for _, ln := range p.lanes {
		bytes, _ := ln.queued()
		s.QueuedBytes += bytes
	}
	p.mu.Lock()
	s.Address, s.LastError, s.Lanes, s.Refused = p.address, p.lastErr, p.granted, p.refused
	s.Kind, s.Down, s.Clocks = p.kind, p.downFor(), p.clocks
	p.mu.Unlock()
	return s
}

func (p *peer) phase() Phase {
	switch {
	case p.gen.Load() == nil && p.everUp.Load():
		return PhaseDown
	case p.gen.Load() == nil:
		return PhaseConnecting
	}
	for _, ln := range p.lanes {
		if ln.stalled.Load() {
			return PhaseStalled
		}
	}
	return PhaseUp
}
