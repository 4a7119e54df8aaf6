package dispatch

import (
	"context"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// parcel is what goes to one node: for its plain subscriptions, and for groups for which it was
// chosen.
type parcel struct {
	to     eventnode.NodeRef
	plain  bool
	groups []*queueGroup
}

// audience is whom the parcel is for.
func (p *parcel) audience() wire.Audience {
	a := wire.Audience{Plain: p.plain}
	for _, g := range p.groups {
		a.Groups = append(a.Groups, g.name)
	}
	return a
}

// account is the topic, or the queue group's key, on whose account a link drops the parcel: none
// if it is for several. Members of a topic's queue groups hear of what their topic lost.
func (p *parcel) account(views []*view) string {
	topic := account(views)
	switch {
	case p.plain || topic == "":
		return topic
	case len(p.groups) == 1:
		return queueKey(topic, p.groups[0].name)
	}
	return ""
}

// parcels chooses a node for each group, none of those that failed, and returns what goes where.
// Groups without a node are returned too.
func (d *Dispatcher) parcels(plain []eventnode.NodeRef, groups []*queueGroup, failed []eventnode.NodeRef) (all []parcel, nowhere []*queueGroup) {
	for _, to := range plain {
		all = append(all, parcel{to: to, plain: true})
	}
	for _, g := range groups {
		to, ok := d.choose(g.peers, func(n eventnode.NodeRef) bool { return slices.Contains(failed, n) })
		if !ok {
			nowhere = append(nowhere, g)
			continue
		}
		i := slices.IndexFunc(all, func(p parcel) bool { return p.to == to && len(p.groups) < wire.MaxAudienceGroups })
		if i < 0 {
			i = len(all)
			all = append(all, parcel{to: to})
		}
		all[i].groups = append(all[i].groups, g)
	}
	return all, nowhere
}

// choose returns a node at random but those to leave out, if there is one.
func (d *Dispatcher) choose(nodes []eventnode.NodeRef, not func(eventnode.NodeRef) bool) (eventnode.NodeRef, bool) {
	n := len(nodes)
	if n == 0 {
		return eventnode.NodeRef{}, false
	}
	from := d.intN(n)
	if !not(nodes[from]) {
		return nodes[from], true
	}
	left := slices.DeleteFunc(slices.Clone(nodes), not)
	if len(left) == 0 {
		return eventnode.NodeRef{}, false
	}
	return left[d.intN(len(left))], true
}

// routeQueued is route for a run that queue groups get.
func (d *Dispatcher) routeQueued(ctx context.Context, lane uint32, views []*view, r run) {
	f := new(fan)
	d.offer(views, r, f)
	groups, plain := queueGroups(views), peers(views)
	for piece := range pieces(r, pieceSize(groups)) {
		for _, g := range groups {
			g.place(d.intN, piece, f)
		}
		d.sendRest(ctx, lane, views, plain, groups, piece, f)
	}
	d.wait(ctx, f)
}

// sendRest sends a piece to the nodes with plain subscriptions, and what was not placed here of
// each group to another one. It divides the piece where what is to be done changes.
func (d *Dispatcher) sendRest(ctx context.Context, lane uint32, views []*view, plain []eventnode.NodeRef, groups []*queueGroup, r run, f *fan) {
	for done := 0; r.count > 0; {
		next := done + r.count
		var left []*queueGroup
		for _, g := range groups {
			switch {
			case g.placed <= done:
				left = append(left, g)
			case g.placed < next:
				next = g.placed
			}
		}
		part := r
		if next-done < r.count {
			part, r = r.split(next - done)
		} else {
			r = run{}
		}
		d.sendParcels(ctx, lane, views, plain, left, part, f)
		done = next
	}
}

// sendParcels sends a run to the nodes with plain subscriptions, and to one for each group. What
// a link does not take, which is sure then, goes to another node, and in the end to members here.
func (d *Dispatcher) sendParcels(ctx context.Context, lane uint32, views []*view, plain []eventnode.NodeRef, left []*queueGroup, r run, f *fan) {
	var failed []eventnode.NodeRef
	for len(plain)+len(left) > 0 {
		all, here := d.parcels(plain, left, failed)
		for _, g := range here {
			g.force(d.intN, r, f)
		}
		plain, left = nil, nil
		for i := range all {
			if p := &all[i]; d.sendParcel(ctx, lane, views, p, r) {
				d.count.sent.Add(uint64(r.count))
			} else {
				failed, left = append(failed, p.to), append(left, p.groups...)
			}
		}
	}
}

// sendParcel gives one parcel to its link.
func (d *Dispatcher) sendParcel(ctx context.Context, lane uint32, views []*view, p *parcel, r run) bool {
	if len(p.groups) == 0 {
		return d.cfg.Links.Send(ctx, p.to, lane, p.account(views), r.Piece, r.count)
	}
	return d.cfg.Links.SendQueued(ctx, p.to, lane, p.account(views), p.audience(), r.Piece, r.count)
}

// placeOne places one event here, and returns the groups that it has to go elsewhere for.
func (d *Dispatcher) placeOne(views []*view, r run, f *fan) (left []*queueGroup) {
	for _, g := range queueGroups(views) {
		if g.place(d.intN, r, f); g.placed == 0 {
			left = append(left, g)
		}
	}
	return left
}

// passLane is the lane of what is passed on.
const passLane = 0

// deliverQueued gives a run from another node to members of the groups for which this one was
// chosen, and to plain subscriptions if it is for them, and passes on what no member wants. It
// returns how many queues took something of it; what was passed on counts as one, for a member
// may have it.
func (d *Dispatcher) deliverQueued(ctx context.Context, from eventnode.NodeRef, to wire.Audience, views []*view, r run) (reached int) {
	f := new(fan)
	if to.Plain {
		d.offer(views, r, f)
	}
	groups := slices.DeleteFunc(queueGroups(views), func(g *queueGroup) bool { return !slices.Contains(to.Groups, g.name) })
	for piece := range pieces(r, pieceSize(groups)) {
		for _, g := range groups {
			g.place(d.intN, piece, f)
			if g.placed == piece.count {
				continue
			}
			_, rest := piece.split(g.placed)
			if !g.force(d.intN, rest, f) && d.pass(ctx, from, to.Tried, views, g, rest) {
				f.reached++
			}
		}
	}
	d.wait(ctx, f)
	return f.reached
}

// pass gives a run to a node that was not tried, and reports whether there is one. It does not
// wait: two nodes that wait for each other's links while they read them would do so for ever.
func (d *Dispatcher) pass(ctx context.Context, from eventnode.NodeRef, tried []string, views []*view, g *queueGroup, r run) bool {
	if len(tried) >= wire.MaxAudienceTried {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	a := wire.Audience{Groups: []string{g.name}, Tried: append(slices.Clone(tried), string(from.ID))}
	p := parcel{groups: []*queueGroup{g}}
	var failed []eventnode.NodeRef
	for {
		to, ok := d.choose(g.peers, func(n eventnode.NodeRef) bool {
			return slices.Contains(a.Tried, string(n.ID)) || slices.Contains(failed, n)
		})
		if !ok {
			return false
		}
		if d.cfg.Links.SendQueued(ctx, to, passLane, p.account(views), a, r.Piece, r.count) {
			d.count.sent.Add(uint64(r.count))
			return true
		}
		failed = append(failed, to)
	}
}
