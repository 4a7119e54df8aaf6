package dispatch

import (
	"iter"
	"slices"

	"github.com/eventnode/eventnode"
)

// Queue groups. Of the members of a group each event goes to one. The publisher's node chooses:
//
//  1. a member here whose filter wants the event and that has room, of two at random the one
//     with the shorter queue;
//  2. else a node at random of those that have announced members. It does the same, but a
//     member that is full follows its policy then. If it has none that wants the event (its
//     last one left, or filters refuse it) it passes it on to a node that was not tried, at most
//     MaxAudienceTried times;
//  3. if no node takes it, members here follow their policy.
//
// A run is placed in pieces, so that a burst is spread. An event crosses a link once, with the
// groups for which that node was chosen, and for the plain subscriptions as well if it has any.

// pieceEvents is how much of a run is placed together.
const pieceEvents = 64

// queueGroup is one group that a run goes to.
type queueGroup struct {
	name    string
	members []*Subscription     // here, each once
	peers   []eventnode.NodeRef // with members, each once
	placed  int                 // events of the piece, from the front, that members here took
}

// queued reports whether one of the topics has a queue group.
func queued(views []*view) bool {
	for _, v := range views {
		if len(v.queues) > 0 {
			return true
		}
	}
	return false
}

// queueGroups lists the groups that events to all these topics go to.
func queueGroups(views []*view) []*queueGroup {
	var all []*queueGroup
	for i, v := range views {
		for _, q := range v.queues {
			at := slices.IndexFunc(all, func(g *queueGroup) bool { return g.name == q.group })
			if at < 0 {
				at = len(all)
				all = append(all, &queueGroup{name: q.group})
			}
			all[at].add(q, views[:i])
		}
	}
	return all
}

// add adds the group's part of one topic, of which what belongs to the topics before is known.
func (g *queueGroup) add(q *view, before []*view) {
	if g.members == nil && g.peers == nil && len(q.chunks) <= 1 { // as it mostly is
		g.peers = slices.Clip(q.peers)
		if len(q.chunks) == 1 {
			g.members = slices.Clip(q.chunks[0])
		}
		return
	}
	for _, s := range slices.Concat(q.chunks...) {
		if !s.wants(before) {
			g.members = append(g.members, s)
		}
	}
	for _, p := range q.peers {
		if !slices.Contains(g.peers, p) {
			g.peers = append(g.peers, p)
		}
	}
}

// pieceSize is how many events are placed together: one, if a member may refuse it.
func pieceSize(groups []*queueGroup) int {
	for _, g := range groups {
		if slices.ContainsFunc(g.members, func(s *Subscription) bool { return s.filter != nil }) {
			return 1
		}
	}
	return pieceEvents
}

// pieces divides a run.
func pieces(r run, size int) iter.Seq[run] {
	return func(yield func(run) bool) {
		for r.count > size {
			var first run
			if first, r = r.split(size); !yield(first.owned()) {
				return
			}
		}
		if r.count > 0 {
			yield(r.owned())
		}
	}
}

// inTurn ranges over the members in the order in which they are asked: of two at random the one
// with the shorter queue, the other, then all, from one at random on.
func (g *queueGroup) inTurn(intN func(int) int) iter.Seq[*Subscription] {
	return func(yield func(*Subscription) bool) {
		n := len(g.members)
		if n == 0 {
			return
		}
		a, b := g.members[intN(n)], g.members[intN(n)]
		if b.queue.load() < a.queue.load() {
			a, b = b, a
		}
		if !yield(a) || a != b && !yield(b) {
			return
		}
		for i, from := 0, intN(n); i < n; i++ {
			if s := g.members[(from+i)%n]; s != a && s != b && !yield(s) {
				return
			}
		}
	}
}

// place puts as much of a piece as possible, from the front, into queues that have room.
func (g *queueGroup) place(intN func(int) int, r run, f *fan) {
	g.placed = 0
	for r.count > 0 && len(g.members) > 0 {
		if g.offer(intN, r, f) {
			g.placed += r.count
			return
		}
		if r.count == 1 {
			return
		}
		var one run
		if one, r = r.split(1); !g.offer(intN, one.owned(), f) {
			return
		}
		g.placed++
	}
}

// offer puts a run into the queue of one member that wants it and has room.
func (g *queueGroup) offer(intN func(int) int, r run, f *fan) bool {
	for s := range g.inTurn(intN) {
		if s.takes(r) && !f.waits(s) && s.queue.try(r) {
			f.taken += r.count
			f.reached++
			return true
		}
	}
	return false
}

// force is offer for when nobody has room: the first that wants the run follows its policy. It
// reports whether there was one.
func (g *queueGroup) force(intN func(int) int, r run, f *fan) bool {
	if g.offer(intN, r, f) {
		return true
	}
	for s := range g.inTurn(intN) {
		if !s.takes(r) {
			continue
		}
		if f.waits(s) { // behind what waits for it already
			f.blocked = append(f.blocked, blocked{s, r})
			return true
		}
		before := f.taken + f.dropped + len(f.blocked)
		if f.put(s, r); f.taken+f.dropped+len(f.blocked) > before { // else it has ended
			return true
		}
	}
	return false
}

// takes reports whether the subscription's filter wants all of a run.
func (s *Subscription) takes(r run) bool {
	if s.filter == nil {
		return true
	}
	_, n := s.filter.Apply(r.Data, r.count)
	return n == r.count
}

// waits reports whether something of this publisher waits for room in the subscription's queue:
// what comes later must not overtake it.
func (f *fan) waits(s *Subscription) bool {
	return slices.ContainsFunc(f.blocked, func(b blocked) bool { return b.sub == s })
}
