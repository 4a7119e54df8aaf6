package link

import (
	"context"
	"time"
)

// enqueue puts an item into a lane. While the lane is full it waits as long as
// the lane makes progress; otherwise the item is dropped, which it reports.
func (p *peer) enqueue(ctx context.Context, number uint32, it item) bool {
	ln := p.lanes[int(number)%len(p.lanes)]
	fits := len(it.data) <= MaxMessageBytes-frameOverhead
	for fits && !p.overdue() && !p.l.draining.Load() {
		outcome, room := ln.push(it)
		if outcome == pushQueued {
			return true
		}
		if outcome == pushClosed || !p.await(ctx, p.serving(ln), room) {
			break
		}
	}
	p.drop(ln, it)
	return false
}

// frameOverhead is more than what a frame holds besides one run and a full
// notice of drops with topics of ordinary length.
const frameOverhead = 2 << 20

// drop counts an item that was not queued.
func (p *peer) drop(ln *lane, it item) {
	ln.drop(it.topic, it.count)
	p.counters.dropped.Add(uint64(it.count))
}

// serving returns the lane whose writer sends what is put into ln.
func (p *peer) serving(ln *lane) *lane {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.forward != nil {
		return ln.forward
	}
	return ln
}

// stallSteps is in how many steps a lane's lack of progress is watched.
const stallSteps = 5

// await waits for room in a full lane. It reports false when waiting is over:
// the lane made no progress for StallTimeout, counted from its last progress
// and not from this call, so that all who wait give up together; or the link
// never came up, was removed, or ctx ended.
//
// Time in which this process itself did not run is not held against the peer:
// what a step took longer than it should is added, whoever comes waits for one
// step before it judges, and while there is a link its writer must be waiting
// for the connection.
func (p *peer) await(ctx context.Context, ln *lane, room <-chan struct{}) bool {
	limit, step := p.l.cfg.StallTimeout, p.l.cfg.StallTimeout/stallSteps
	for watched := false; p.everUp.Load() && !ln.stalled.Load(); watched = true {
		began := p.l.now()
		left := limit - (began - time.Duration(ln.progress.Load()))
		if left <= 0 && watched && (ln.sending.Load() || p.gen.Load() == nil) {
			p.stall(ln)
			return false
		}
		if 0 < left && left < step {
			step = left
		}
		timer := time.NewTimer(step)
		select {
		case <-room:
			timer.Stop()
			return true
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-p.ctx.Done():
			timer.Stop()
			return false
		}
		if late := p.l.now() - began - step; late > step/10 {
			limit += late
		}
	}
	return false
}

// stall notes that a lane stands still. Without a link it is down, not stalled.
func (p *peer) stall(ln *lane) {
	g := p.gen.Load()
	if g == nil || ln.stalled.Swap(true) {
		return
	}
	p.l.counters.stalls.Add(1)
	p.l.cfg.Logger.Warn("link stalled: events for this node are dropped", "node", p.ref.String())
}

// progressed notes that a lane moves.
func (p *peer) progressed(ln *lane, now time.Duration) {
	ln.touch(now)
	if ln.stalled.Load() && ln.stalled.Swap(false) {
		p.l.cfg.Logger.Info("link moves again", "node", p.ref.String(), "dropped", p.counters.dropped.Load())
	}
}
