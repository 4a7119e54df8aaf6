package dispatch

import (
	"context"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// The way of a run, on its publisher's goroutine, so that the order of calls is
// the order of events:
//
//  1. into the queues of local subscriptions, as far as that needs no waiting;
//  2. onto the link of each interested node, once;
//  3. into the queues of policy block that were full, as they get room.
//
// So who is full holds up the publisher, but not this run on its way to the
// others. A run from another node takes 1 and 3. Where there are queue groups, 2 is done
// for each piece of the run, after their members here (queuegroup.go).

// blocked is a queue that was full, and what has to go in.
type blocked struct {
	sub  *Subscription
	rest run
}

// fan counts what one run met.
type fan struct {
	reached int // queues that took an event, once each; exact for one event
	taken   int // events, once for each queue
	dropped int
	blocked []blocked

	filtered map[string]run // what filters have left of the run, by their key
}

// offer puts a run into the queues of all local subscriptions to the topics,
// once each.
func (d *Dispatcher) offer(views []*view, r run, f *fan) {
	for i, v := range views {
		for _, chunk := range v.chunks {
			for _, s := range chunk {
				if i > 0 && s.wants(views[:i]) {
					continue
				}
				if s.filter == nil {
					f.put(s, r)
				} else if left := f.left(s.filter, r); left.count > 0 {
					f.put(s, left)
				}
			}
		}
	}
}

// left is what a filter leaves of the run. Subscriptions with equal filters share it.
func (f *fan) left(by *wire.Filter, r run) run {
	left, ok := f.filtered[by.Key()]
	if ok {
		return left
	}
	left = r
	if data, n := by.Apply(r.Data, r.count); n < r.count {
		left = run{Piece: wire.Piece{Data: data}, count: n}
	}
	if f.filtered == nil {
		f.filtered = make(map[string]run, 1)
	}
	f.filtered[by.Key()] = left
	return left
}

// put puts a run into one queue, whatever its filter.
func (f *fan) put(s *Subscription, r run) {
	out := s.queue.offer(r)
	f.taken += out.taken
	f.dropped += out.dropped
	if out.taken > 0 {
		f.reached++
	}
	if out.rest.count > 0 {
		f.blocked = append(f.blocked, blocked{s, out.rest})
	}
	if out.ended {
		s.d.cfg.Logger.Debug("slow subscription ended", "holder", s.holder, "topics", len(s.topics))
		s.detach()
	}
}

// wait puts in what had to wait, and counts.
func (d *Dispatcher) wait(ctx context.Context, f *fan) {
	for _, b := range f.blocked {
		taken, dropped := b.sub.queue.wait(ctx, b.rest)
		f.taken += taken
		f.dropped += dropped
		if taken > 0 {
			f.reached++
		}
	}
	if f.taken > 0 {
		d.count.delivered.Add(uint64(f.taken))
	}
	if f.dropped > 0 {
		d.count.dropped.Add(uint64(f.dropped))
	}
}

// send gives a run to the link of each interested node, once.
func (d *Dispatcher) send(ctx context.Context, lane uint32, views []*view, r run) {
	topic := account(views)
	sent := 0
	for _, to := range peers(views) {
		if d.cfg.Links.Send(ctx, to, lane, topic, r.Piece, r.count) {
			sent++
		}
	}
	if sent > 0 {
		d.count.sent.Add(uint64(sent * r.count))
	}
}

// account is the topic on whose account a link drops events: none if the run
// goes to several, as any of their subscriptions may miss it.
func account(views []*view) string {
	if len(views) == 1 {
		return views[0].topic
	}
	return ""
}

// peers lists the nodes interested in any of the topics, once each.
func peers(views []*view) []eventnode.NodeRef {
	switch len(views) {
	case 0:
		return nil
	case 1:
		return views[0].peers
	}
	var all []eventnode.NodeRef
	for _, v := range views {
		for _, p := range v.peers {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// route is the whole way of a publisher's run.
func (d *Dispatcher) route(ctx context.Context, lane uint32, views []*view, r run) {
	if len(views) == 0 {
		return
	}
	r = r.owned()
	if queued(views) {
		d.routeQueued(ctx, lane, views, r)
		return
	}
	var f fan
	d.offer(views, r, &f)
	d.send(ctx, lane, views, r)
	d.wait(ctx, &f)
}
