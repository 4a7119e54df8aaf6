package groups

import (
	"context"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/exchange"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// publish hands out what the exchange produced: differences to hooks and
// monitors, messages to peers. The writer calls it after every change.
func (g *Groups) publish() {
	outs, events := g.x.Take()
	for _, e := range events {
		g.notify(e)
	}
	for _, o := range outs {
		g.transmit(o)
	}
	g.x.Done(outs, events)
}

// notify tells one change to the hooks and monitors of its scope.
func (g *Groups) notify(e exchange.Event) {
	hooks, watchers := g.hooks[e.Scope], g.monitors[e.Scope]
	for i := range e.Diffs {
		d := &e.Diffs[i]
		for _, fn := range hooks {
			fn(Diff{Origin: e.Origin, Group: d.Group, Joined: times(d.Joined), Left: times(d.Left), Members: d.Members})
		}
		if watchers != nil {
			watchers.add(e.Origin, d)
		}
	}
}

// watched reports whether anybody is told what changes in a scope. The writer
// calls it.
func (g *Groups) watched(scope string) bool {
	return len(g.hooks[scope]) > 0 || g.monitors[scope] != nil
}

// times counts memberships.
func times(ms []table.Member) int {
	n := 0
	for _, m := range ms {
		n += int(m.Times)
	}
	return n
}

// Diff is the difference that one change made to one origin's memberships in
// one group.
type Diff struct {
	// Origin is the node whose members these are.
	Origin eventnode.NodeRef
	// Group is the group.
	Group string
	// Joined and Left count memberships; both are 0 if only metadata changed.
	Joined, Left int
	// Members is how many memberships the origin has in the group now.
	Members int
}

// Hook calls fn with every difference in a scope, in order, from whoever is
// the writer: calls do not overlap, fn must not block, and must not call this
// package but for reads. Before Hook returns fn is called with what the scope
// holds now, as if all had just joined. It may be called before Run.
func (g *Groups) Hook(scope string, fn func(Diff)) {
	add := func() {
		g.publish() // what is applied and not told yet is in the table, and must not be told twice
		if t := g.x.Table(scope); t != nil {
			for _, p := range t.Parts() {
				for _, d := range t.Copy(p.Ref.ID) {
					n := times(d.Joined)
					fn(Diff{Origin: p.Ref, Group: d.Group, Joined: n, Members: n})
				}
			}
		}
		g.hooks[scope] = append(g.hooks[scope], fn)
	}
	if g.turn.before(add) {
		return
	}
	// Nobody waits for a hook on a node that has ended.
	_ = g.do(context.Background(), add)
}

// backlogRetry is how often a full link is tried again.
const backlogRetry = 10 * time.Millisecond

// backlogSize bounds what waits for one full link, in messages. What comes
// then is dropped and counted; the hash finds out.
const backlogSize = 4096

// backlog holds messages for a peer whose link was full, in order.
type backlog struct {
	to   eventnode.NodeRef
	msgs [][]byte
}

// transmit sends a message, or keeps it behind those that wait already.
func (g *Groups) transmit(o exchange.Out) {
	b := g.backlogs[o.To.ID]
	if b == nil && g.cfg.Peers.SendExchange(o.To, o.Msg) {
		return
	}
	if b == nil || b.to != o.To {
		b = &backlog{to: o.To}
		g.backlogs[o.To.ID] = b
	}
	if len(b.msgs) >= backlogSize {
		g.metrics.dropped.Add(1)
		return
	}
	b.msgs = append(b.msgs, o.Msg)
}

// retryBacklogs sends what links take now.
func (g *Groups) retryBacklogs() {
	g.retrying = false
	for id, b := range g.backlogs {
		n := 0
		for n < len(b.msgs) && g.cfg.Peers.SendExchange(b.to, b.msgs[n]) {
			b.msgs[n] = nil
			n++
		}
		if b.msgs = b.msgs[n:]; len(b.msgs) == 0 {
			delete(g.backlogs, id)
		}
	}
}

// peersChanged follows links and membership.
func (g *Groups) peersChanged() {
	peers := g.x.Peers()
	g.peerNum.Store(int64(len(peers)))
	linked := make(map[eventnode.NodeID]bool, len(peers))
	for _, p := range peers {
		linked[p.ID] = true
	}
	for id := range g.backlogs {
		if !linked[id] {
			delete(g.backlogs, id)
		}
	}
}
