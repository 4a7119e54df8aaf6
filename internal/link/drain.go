package link

import (
	"context"
	"sync"
)

// Drain sends what is queued, waits until the peers have handled it and says
// goodbye on every link, or gives up when ctx ends. Links that are not up are
// not waited for. Afterwards nothing is sent or dialled any more.
func (l *Links) Drain(ctx context.Context) {
	l.draining.Store(true)
	var wg sync.WaitGroup
	for _, p := range *l.peers.Load() {
		wg.Go(func() { p.drain(ctx) })
	}
	wg.Wait()
}

// drain finishes one link. The peer stays, ended, until Remove.
func (p *peer) drain(ctx context.Context) {
	defer p.stop()
	g := p.gen.Load()
	if g == nil {
		return
	}
	if !g.settle(ctx) {
		return
	}
	g.bye.Do(func() { close(g.goodbye) })
	select {
	case <-g.done: // the peer read it, and ended the link
	case <-ctx.Done():
	}
}

// stop ends the peer's goroutine, if it was started.
func (p *peer) stop() {
	p.l.mu.Lock()
	cancel := p.cancel
	p.l.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// settle waits until the peer has handled all that was sent. It reports false
// if the link or ctx ended first.
func (g *generation) settle(ctx context.Context) bool {
	for !g.settled() {
		select {
		case <-g.answered:
		case <-g.done:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// settled reports whether nothing is queued or under way. Each frame is
// answered after it, so looking again at each answer is enough.
func (g *generation) settled() bool {
	for _, ln := range g.p.lanes[:g.lanes] {
		if _, empty := ln.queued(); !empty || ln.handled.Load() < ln.sent.Load() {
			return false
		}
	}
	return true
}
