package membership

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// memberlist forgets the dead and never looks for them again, so after a split it
// stays two clusters. This loop heals it: it tries the seeds and the lost nodes,
// the longest untried first, as long as they are not among the living. It also
// makes the start order unimportant.
//
// News spreads by gossip a bounded number of times, so now and then a node misses
// some, and would hear it only with the next exchange of the whole state, half a
// minute later. So each change is followed by two such exchanges with a random
// living node.

const (
	// rejoinParallel bounds the tries under way.
	rejoinParallel = 8
	// firstDelay is the wait after the first try of a node that is alone; it
	// doubles up to Timing.RejoinInterval.
	firstDelay = 250 * time.Millisecond
	// resolveEvery is how often names are looked up while there are other nodes.
	resolveEvery = 30 * time.Second
	// joinedPause is how long an address is left alone that can be joined, but is
	// not a living node's: a virtual address, or this node's own.
	joinedPause = 30 * time.Second
	// exchangesAfterChange is how many exchanges follow a change.
	exchangesAfterChange = 2
	// eagerNodes is up to how many other nodes the first of them comes early.
	eagerNodes = 64
	// readyWithin bounds how long the first round keeps the node from being ready.
	readyWithin = 3 * time.Second
)

// rejoiner keeps trying. One goroutine runs it, and one for each try.
type rejoiner struct {
	seeds    *seedSource
	view     *view
	interval time.Duration
	join     func(addr string) error
	left     func() bool
	contacts *contacts
	metrics  *metrics
	logger   *slog.Logger

	exchanges int    // still to be made after the last change
	complaint string // the last error of the seeds, logged once

	mu    sync.Mutex
	tries map[string]*try
	busy  int
	wg    sync.WaitGroup
}

// try is what is known of trying an address.
type try struct {
	last  time.Time
	after time.Time // not before
	busy  bool
}

// run tries until ctx ends. tried is closed after the first round. The error says
// that this node advertises what others cannot reach.
func (r *rejoiner) run(ctx context.Context, tried chan<- struct{}) error {
	defer r.wg.Wait()
	addrs, err := r.round(ctx)
	if err != nil {
		return err
	}
	r.firstRound(ctx, addrs)
	close(tried)
	delay := firstDelay
	for {
		if len(r.view.living()) > 0 {
			delay = r.interval
		}
		if !r.pause(ctx, jitter(delay)) {
			return nil
		}
		addrs, err := r.round(ctx)
		if err != nil {
			return err
		}
		for _, addr := range addrs {
			r.wg.Go(func() { r.try(addr) })
		}
		delay = min(2*delay, r.interval)
	}
}

// pause waits for d, or less when nodes came or went. It reports whether ctx
// still lives.
func (r *rejoiner) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	end, stirred := time.Now().Add(d), r.view.stirred
	for {
		select {
		case <-timer.C:
			return true
		case <-stirred:
			r.exchanges = exchangesAfterChange
			stirred = nil // more news must not put it off
			timer.Reset(min(time.Until(end), jitter(r.eager())))
		case <-ctx.Done():
			return false
		}
	}
}

// eager returns how long after a change the next round is. In a large cluster an
// exchange is large, and changes are many.
func (r *rejoiner) eager() time.Duration {
	if len(r.view.living()) > eagerNodes {
		return r.interval
	}
	return r.interval / 4
}

// firstRound waits until the tries have ended, or are late.
func (r *rejoiner) firstRound(ctx context.Context, addrs []string) {
	var first sync.WaitGroup
	for _, addr := range addrs {
		first.Go(func() { r.try(addr) })
	}
	done := make(chan struct{})
	r.wg.Go(func() {
		first.Wait()
		close(done)
	})
	late := time.NewTimer(readyWithin)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	case <-ctx.Done():
	}
}

// round returns what is to be tried now.
func (r *rejoiner) round(ctx context.Context) ([]string, error) {
	if r.left() {
		return nil, nil
	}
	now := time.Now()
	living := r.view.living()
	seeds := r.resolve(ctx, len(living) == 0)
	if err := checkReach(r.view.selfNode(), seeds); err != nil {
		return nil, err
	}
	addrs := r.choose(append(seeds, r.view.lost(now)...), living, now)
	return append(addrs, r.exchange(living)...), nil
}

// exchange returns a random living node, if there was a change of late.
func (r *rejoiner) exchange(living map[string]bool) []string {
	if r.exchanges == 0 || len(living) == 0 {
		return nil
	}
	r.exchanges--
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy++
	all := slices.Sorted(maps.Keys(living))
	return []string{all[rand.IntN(len(all))]}
}

// resolve returns the seeds' addresses. A node that is alone looks all names up.
func (r *rejoiner) resolve(ctx context.Context, alone bool) []string {
	maxAge := resolveEvery
	if alone {
		maxAge = 0
	}
	addrs, err := r.seeds.addresses(ctx, maxAge)
	complaint := ""
	if err != nil && ctx.Err() == nil {
		complaint = err.Error()
	}
	if complaint != "" && complaint != r.complaint {
		r.logger.Warn("some seeds cannot be looked up", "error", complaint)
	}
	r.complaint = complaint
	return addrs
}

// choose picks the addresses to try now, and marks them.
func (r *rejoiner) choose(wanted []string, living map[string]bool, now time.Time) []string {
	own := r.view.selfNode().GossipAddress
	r.mu.Lock()
	defer r.mu.Unlock()
	missing := make(map[string]*try)
	var ready []string
	for _, addr := range wanted {
		if addr == own || living[addr] || missing[addr] != nil {
			continue
		}
		t := r.tries[addr]
		if t == nil {
			t = &try{}
		}
		missing[addr] = t
		if !t.busy && !now.Before(t.after) {
			ready = append(ready, addr)
		}
	}
	r.tries = missing
	r.contacts.keep(missing)
	slices.SortStableFunc(ready, func(a, b string) int { return missing[a].last.Compare(missing[b].last) })
	ready = ready[:min(len(ready), max(0, rejoinParallel-r.busy))]
	for _, addr := range ready {
		missing[addr].last, missing[addr].busy = now, true
	}
	r.busy += len(ready)
	return ready
}

func (r *rejoiner) try(addr string) {
	err := r.join(addr)
	result := "joined"
	if err != nil {
		result = "failed"
		r.logger.Debug("cannot join", "address", addr, "error", err)
	}
	r.metrics.rejoins.WithLabelValues(result).Inc()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy--
	t := r.tries[addr]
	if t == nil {
		return
	}
	t.busy = false
	if err != nil {
		r.contacts.missed(addr, err, time.Now())
		return
	}
	t.after = time.Now().Add(joinedPause)
	r.contacts.joined(addr)
}

// jitter is d, give or take a quarter.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}

// sleep reports whether ctx still lives after d.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
