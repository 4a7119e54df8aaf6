package dispatch

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// Receive takes a lane's frame from a peer: envelope records, as wire.Split
// returns them. Events go to local subscriptions only, never to a third node.
// It waits for subscriptions with policy block; frames of one lane must be
// handed over one after the other. When ctx ends it stops waiting: what then
// does not fit is dropped, and told in place. An error means that the bytes are
// no records: what stands before the bad place was delivered; close the
// link.
func (d *Dispatcher) Receive(ctx context.Context, from eventnode.NodeRef, envelopes wire.Piece) error {
	return d.receive(ctx, from, wire.Audience{Plain: true}, envelopes)
}

// ReceiveQueued is Receive for events that are not for the plain subscriptions alone. What no
// member here takes it passes on, without waiting.
func (d *Dispatcher) ReceiveQueued(ctx context.Context, from eventnode.NodeRef, to wire.Audience, envelopes wire.Piece) error {
	return d.receive(ctx, from, to, envelopes)
}

// receive is Receive and ReceiveQueued.
func (d *Dispatcher) receive(ctx context.Context, from eventnode.NodeRef, to wire.Audience, envelopes wire.Piece) error {
	sc := wire.NewScanner(envelopes.Data, wire.Checks{})
	var buf [8]*view
	for {
		r, ok := sc.Next()
		if !ok {
			return nil
		}
		if r.Err != nil && r.Count == 0 {
			return fmt.Errorf("frame from %s: %w", from, r.Err)
		}
		d.count.received.Add(uint64(r.Count))
		if r.Err != nil {
			d.cfg.Logger.Warn("another node let a bad event through", "node", from.String(), "error", r.Err)
			continue
		}
		views := d.lookupKnown(buf[:0], r.Topics)
		if len(views) == 0 {
			continue
		}
		d.deliver(ctx, from, &to, views, run{Piece: wire.Piece{Data: r.Data, Mem: envelopes.Mem}, count: r.Count}.owned())
	}
}

// deliver is the way of a run from another node. It returns how many queues took something.
func (d *Dispatcher) deliver(ctx context.Context, from eventnode.NodeRef, to *wire.Audience, views []*view, r run) (reached int) {
	switch {
	case len(to.Groups) > 0:
		return d.deliverQueued(ctx, from, *to, views, r)
	case !to.Plain:
		return 0
	}
	var f fan
	d.offer(views, r, &f)
	d.wait(ctx, &f)
	return f.reached
}

// ReceiveTracked is Receive for one encoded Envelope (no record) that wants a
// receipt: it returns the number of subscriptions whose queue took the event. What is passed
// on does not count.
func (d *Dispatcher) ReceiveTracked(ctx context.Context, from eventnode.NodeRef, to wire.Audience, envelope []byte) (reached int, err error) {
	rec, err := wire.ParseEnvelope(envelope)
	if err != nil {
		return 0, fmt.Errorf("envelope from %s: %w", from, err)
	}
	d.count.received.Add(1)
	views := d.lookupKnown(nil, rec.Topics)
	if len(views) == 0 {
		return 0, nil
	}
	return d.deliver(ctx, from, &to, views, record(envelope)), nil
}

// Dropped tells the subscriptions to topic, in place, that a peer dropped count
// events. An empty topic is DroppedAny.
func (d *Dispatcher) Dropped(from eventnode.NodeID, topic string, count uint64) {
	if topic == "" {
		d.DroppedAny(from, count)
		return
	}
	g := eventnode.Gap{Node: from, Count: count, Known: true, Reason: eventnode.GapSenderDropped}
	if v := d.table.findKey(topic); v != nil {
		for _, s := range subscriptions([]*view{v}) {
			s.noteDropped(g)
		}
	}
}

// noteDropped tells a subscription of drops that were counted, of which a filter may have
// wanted fewer, and a member of a queue group may have got fewer.
func (s *Subscription) noteDropped(g eventnode.Gap) {
	g.Known = s.filter == nil && s.group == ""
	s.queue.note(g)
}

// DroppedAny tells all present subscriptions that a peer dropped count events,
// nobody knows whose.
func (d *Dispatcher) DroppedAny(from eventnode.NodeID, count uint64) {
	if count > 0 {
		d.Gap(from, eventnode.GapSenderDropped)
	}
}

// Gap tells all present subscriptions that events from a node may be missing,
// nobody knows how many.
func (d *Dispatcher) Gap(from eventnode.NodeID, reason eventnode.GapReason) {
	for _, s := range d.all() {
		s.queue.note(eventnode.Gap{Node: from, Reason: reason})
	}
}
