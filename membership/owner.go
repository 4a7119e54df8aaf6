package membership

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
)

const (
	// tickEvery is how often the owner looks at the clock.
	tickEvery = 500 * time.Millisecond
	// askTimeout bounds asking a rival.
	askTimeout = 1500 * time.Millisecond
)

// owner is the one goroutine that takes in what gossip tells, asks rivals, and
// decides whether this epoch goes on.
type owner struct {
	m       *Membership
	rivals  *rivals
	asked   chan answer
	asking  bool
	tried   <-chan struct{} // closed after the first round of seeds
	first   bool            // that round is over
	told    chan struct{}   // holds a token when the others know that they may count on this node
	telling bool            // they are being told
	company time.Time       // since when there are other nodes
	unborn  bool            // this node had no cluster UUID when it started
	taken   Node            // the rival that was asked last
	heard   uint64          // the higher epoch that was complained of
	wg      sync.WaitGroup
}

// answer is what asking a rival brought.
type answer struct {
	node Node
	err  error
}

func newOwner(m *Membership, tried <-chan struct{}) *owner {
	return &owner{
		m:      m,
		rivals: newRivals(m.view.selfNode(), m.cfg.Timing.NameGrace),
		asked:  make(chan answer, 1),
		told:   make(chan struct{}, 1),
		tried:  tried,
		unborn: m.view.selfNode().ClusterUUID == uuid.Nil,
	}
}

// run returns when ctx ends, with the reason why the node cannot go on, or with a
// higher epoch that it must take.
func (o *owner) run(ctx context.Context) (next uint64, err error) {
	defer o.wg.Wait()
	defer o.halt()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		o.tell()
		judged := o.wait(ctx, tick.C)
		judged = max(judged, o.takeIn(time.Now()))
		if err := o.between(); err != nil {
			return 0, err
		}
		switch judged {
		case nameTaken:
			return 0, o.takenError()
		case tooLow:
			if next := o.raise(); next > 0 {
				return next, nil
			}
		case goOn:
		}
		o.ask(ctx, time.Now())
		o.settle()
	}
	return 0, nil
}

// halt ends the streams of the gossip, so that nobody waits for one.
func (o *owner) halt() {
	if g := o.m.gossip.Load(); g != nil {
		g.halt()
	}
}

// wait waits for something to do.
func (o *owner) wait(ctx context.Context, tick <-chan time.Time) verdict {
	select {
	case <-ctx.Done():
	case <-o.m.inbox.signal:
	case <-o.tried:
		o.first, o.tried = true, nil
	case a := <-o.asked:
		return o.answered(a)
	case <-o.told:
		o.m.setReady()
	case now := <-tick:
		o.m.view.expire(now)
	}
	return goOn
}

// takeIn applies what gossip told.
func (o *owner) takeIn(now time.Time) verdict {
	judged := goOn
	for _, seen := range o.m.inbox.take() {
		if seen.node.Ref.ID == o.rivals.self.Ref.ID {
			o.claimed(seen, now)
			judged = max(judged, o.rivals.observe(seen, o.established(now), now))
			continue
		}
		if err := o.m.view.apply(seen, now); err != nil {
			o.m.inbox.meet(err)
		}
		if o.company.IsZero() && seen.state == Alive {
			o.company = now
		}
	}
	return judged
}

// claimed notes a newcomer of this node's name: it will find out, and stop.
func (o *owner) claimed(seen observation, now time.Time) {
	n := seen.node
	if seen.state == Alive && n.Tentative && n.Ref.Epoch > o.rivals.self.Ref.Epoch && !o.rivals.former(n) {
		o.m.contacts.called(Contact{Address: n.GossipAddress, Refusal: RefusalName}, now)
	}
}

// between returns an error if this node, before it was ready, heard of two
// clusters, and had no UUID when it started: its seeds are of both, and it has
// told both of itself.
func (o *owner) between() error {
	err := o.m.inbox.met()
	if err == nil || o.m.isReady() || !o.unborn {
		return nil
	}
	return fmt.Errorf("the seeds lead to two clusters: %w", err)
}

// established reports whether others have counted on this node for a while.
func (o *owner) established(now time.Time) bool {
	return !o.company.IsZero() && now.Sub(o.company) >= 2*o.m.cfg.Timing.NameGrace
}

// ask asks the next rival, one at a time.
func (o *owner) ask(ctx context.Context, now time.Time) {
	rival, ok := o.rivals.due(now)
	if !ok || o.asking {
		return
	}
	o.asking = true
	o.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		o.asked <- answer{rival, o.m.cfg.Probe(ctx, rival)}
	})
}

func (o *owner) answered(a answer) verdict {
	o.asking = false
	result := "alive"
	if a.err != nil {
		result = "silent"
	}
	o.m.metrics.asked.WithLabelValues(result).Inc()
	o.taken = a.node
	return o.rivals.answered(a.node, a.err, time.Now())
}

func (o *owner) takenError() error {
	self := o.rivals.self
	return fmt.Errorf("%w: %q lives at gossip address %s, rpc address %s; this node is at gossip address %s, rpc address %s",
		eventnode.ErrNameTaken, self.Ref.ID, o.taken.GossipAddress, o.taken.RPCAddress, self.GossipAddress, self.RPCAddress)
}

// raise returns the epoch to go on with. A node that is ready keeps its own, as
// others count on it: they hear it when they have forgotten the higher one, and
// the next start is above it.
func (o *owner) raise() uint64 {
	if !o.m.isReady() {
		return nextEpoch(0, o.rivals.heard, time.Now())
	}
	if o.heard >= o.rivals.heard {
		return 0
	}
	o.heard = o.rivals.heard
	err := saveEpoch(o.m.cfg.DataDir, o.heard)
	o.m.logger.Warn("an earlier life of this node had a higher epoch: the clock went back; others may not see this node for two minutes",
		"epoch", o.rivals.self.Ref.Epoch, "higher", o.heard, "save_error", err)
	return 0
}

// settle makes the node ready when all seeds were tried and no rival is to be
// asked: its name is free, as far as anybody can know, and others may count on it.
func (o *owner) settle() {
	g := o.m.gossip.Load()
	if !o.first || o.telling || g == nil || o.rivals.pending() {
		return
	}
	o.telling = true
	o.wg.Go(func() {
		g.confirm()
		o.told <- struct{}{}
	})
}

// tell notes what a node that is not ready waits for.
func (o *owner) tell() {
	if o.m.isReady() {
		return
	}
	waits := "other nodes to hear that they may count on it"
	switch {
	case !o.first:
		waits = "its seeds to answer"
	case o.rivals.pending():
		waits = "another node of its name to answer or to go"
	}
	o.m.waits.Store(waits)
}
