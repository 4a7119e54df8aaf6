package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
)

// A receipt is gathered without anybody waiting for it: each node's answer
// comes through its reply, and when the last came, or the time is up, done is
// called, once. The time counts from the dispatch.

// gather is a receipt on its way.
type gather struct {
	timeout time.Duration

	mu      sync.Mutex
	receipt eventnode.Receipt
	open    []bool // nodes that have not answered
	left    int    // how many those are, and 1 as long as the event is under way
	done    func(eventnode.Receipt)
}

// expect adds a node and returns its reply.
func (g *gather) expect(node eventnode.NodeID) func(int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := len(g.open)
	g.receipt.Nodes = append(g.receipt.Nodes, eventnode.NodeReceipt{Node: node})
	g.open = append(g.open, true)
	g.left++
	return func(reached int, err error) { g.finish(g.answer(i, reached, err)) }
}

// answer notes a node's answer, and returns done if that was the last one.
func (g *gather) answer(i, reached int, err error) func(eventnode.Receipt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done == nil || !g.open[i] {
		return nil
	}
	g.open[i] = false
	g.receipt.Nodes[i].Reached, g.receipt.Nodes[i].Err = reached, err
	g.receipt.Reached += reached
	return g.countDown()
}

// sent notes that the event is on all its ways.
func (g *gather) sent() {
	g.mu.Lock()
	var done func(eventnode.Receipt)
	if g.done != nil {
		done = g.countDown()
	}
	g.mu.Unlock()
	g.finish(done)
}

// countDown takes one off left, and returns done if that was the last one.
func (g *gather) countDown() func(eventnode.Receipt) {
	if g.left--; g.left > 0 {
		return nil
	}
	done := g.done
	g.done = nil
	return done
}

// expire ends the receipt with what there is.
func (g *gather) expire() {
	g.mu.Lock()
	done := g.done
	g.done = nil
	if done != nil {
		for i, open := range g.open {
			if open {
				g.receipt.Nodes[i].Err = fmt.Errorf("no answer within %v: %w", g.timeout, eventnode.ErrOutcomeUnknown)
			}
		}
	}
	g.mu.Unlock()
	g.finish(done)
}

// finish hands the receipt over. Nobody writes to it any more.
func (g *gather) finish(done func(eventnode.Receipt)) {
	if done != nil {
		done(g.receipt)
	}
}

// track is route for one event that wants a receipt.
func (p *Publisher) track(ctx context.Context, views []*view, envelope []byte, r run, timeout time.Duration, done func(eventnode.Receipt)) {
	if timeout <= 0 {
		timeout = eventnode.DefaultReceiptTimeout
	}
	gathering, cancel := context.WithTimeout(ctx, timeout)
	g := &gather{timeout: timeout, left: 1, done: func(rc eventnode.Receipt) {
		cancel()
		done(rc)
	}}
	context.AfterFunc(gathering, g.expire)
	g.send(ctx, gathering, p, views, envelope, r)
}

// send gives the event to everybody; see route. Waiting for room in a queue
// has nothing to do with the time that receipts have.
func (g *gather) send(ctx, gathering context.Context, p *Publisher, views []*view, envelope []byte, r run) {
	var local func(int, error)
	if anyLocal(views) {
		local = g.expect(p.d.cfg.Self)
	}
	var f fan
	p.d.offer(views, r, &f)
	plain, left := peers(views), p.d.placeOne(views, r, &f)
	var failed []eventnode.NodeRef
	for len(plain)+len(left) > 0 {
		all, here := p.d.parcels(plain, left, failed)
		for _, q := range here {
			q.force(p.d.intN, r, &f)
		}
		plain, left = nil, nil
		for i := range all {
			if pc := &all[i]; !g.give(gathering, p, views, pc, envelope) {
				failed, left = append(failed, pc.to), append(left, pc.groups...)
			}
		}
	}
	p.d.wait(ctx, &f)
	if local != nil {
		local(f.reached, nil)
	}
	g.sent()
}

// give gives the event to one link. It is false if the link refused it at once: then nobody
// there has it, which the receipt says, and queue groups go elsewhere.
func (g *gather) give(gathering context.Context, p *Publisher, views []*view, pc *parcel, envelope []byte) bool {
	answer := g.expect(pc.to.ID)
	var refused atomic.Bool
	p.d.cfg.Links.Track(gathering, pc.to, p.lane, pc.account(views), pc.audience(), envelope, func(reached int, err error) {
		refused.Store(errors.Is(err, eventnode.ErrUnavailable))
		answer(reached, err)
	})
	if refused.Load() {
		return false
	}
	p.d.count.sent.Add(1)
	return true
}

// anyLocal reports whether a subscription of this node is to one of the topics.
func anyLocal(views []*view) bool {
	for _, v := range views {
		if len(v.chunks) > 0 || slices.ContainsFunc(v.queues, func(q *view) bool { return len(q.chunks) > 0 }) {
			return true
		}
	}
	return false
}
