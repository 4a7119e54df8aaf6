package node

import (
	"context"
	"errors"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/membership"
)

// settleTimeout bounds how long a starting node waits for its first links, and
// settleInterval is how often it looks.
const (
	settleTimeout  = 3 * time.Second
	settleInterval = 10 * time.Millisecond
)

// follower tells links and groups which nodes come and go.
type follower struct {
	p     *parts
	watch *membership.Watcher
	alive map[eventnode.NodeID]eventnode.NodeRef // what the parts were told
}

func newFollower(p *parts) *follower {
	return &follower{p: p, watch: p.members.Watch(0), alive: map[eventnode.NodeID]eventnode.NodeRef{}}
}

// run follows membership until ctx or membership ends.
func (f *follower) run(ctx context.Context) error {
	defer f.watch.Close()
	for {
		ev, err := f.watch.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, eventnode.ErrClosed) {
			<-ctx.Done()
			return nil
		}
		if err != nil {
			return err
		}
		f.apply(ev)
	}
}

func (f *follower) apply(ev membership.Event) {
	switch ev.Kind {
	case membership.EventSnapshot, membership.EventResync:
		f.replace(ev.Nodes)
	case membership.EventJoined, membership.EventUpdated:
		f.came(ev.Node)
	case membership.EventLost:
		f.went(ev.Node.Ref, true)
	case membership.EventLeft:
		f.went(ev.Node.Ref, false)
	}
}

// replace applies a whole view: who is not in it has been lost.
func (f *follower) replace(nodes []membership.Node) {
	present := map[eventnode.NodeRef]bool{}
	for _, n := range nodes {
		present[n.Ref] = true
	}
	for _, ref := range f.alive {
		if !present[ref] {
			f.went(ref, true)
		}
	}
	for _, n := range nodes {
		f.came(n)
	}
}

func (f *follower) came(n membership.Node) {
	if n.Ref.ID == f.p.self.ID {
		return
	}
	if was, ok := f.alive[n.Ref.ID]; ok && was != n.Ref {
		f.went(was, true)
	}
	f.alive[n.Ref.ID] = n.Ref
	f.p.groups.NodeAlive(n.Ref)
	f.p.links.Add(n.Ref, n.RPCAddress)
}

func (f *follower) went(ref eventnode.NodeRef, lost bool) {
	if f.alive[ref.ID] == ref {
		delete(f.alive, ref.ID)
	}
	f.p.links.Remove(ref, lost)
	f.p.groups.NodeGone(ref)
}

// startScope is the scope of what a node does to learn whether the others' messages have
// come.
const startScope = "eventnode.start"

// settle waits until the nodes that are known at the start have a link, and this node has
// heard what they are interested in, so that what is dispatched after Ready reaches them.
func (f *follower) settle(ctx context.Context) {
	f.settleLinks(ctx)
	if f.linked() {
		f.hear(ctx)
	}
}

// hear waits until the other nodes' parts of the group table are here. Messages on a link
// come in order. A node says first what it has, and then that it has applied the first
// change here; by then it was asked for what is missing here. It sends that, and then says
// that it has applied the second change. If one is late, it is not waited for.
func (f *follower) hear(ctx context.Context) {
	table := f.p.groups
	scope, changes := table.ReservedScope(startScope), []eventnode.Member{f.p.interest.member}
	if _, err := scope.Join(ctx, "start", changes); err != nil {
		return
	}
	table.WaitVisible(ctx, startScope, interestWait)
	if _, err := scope.Leave(ctx, "start", changes...); err != nil {
		return
	}
	table.WaitVisible(ctx, startScope, interestWait)
}

func (f *follower) settleLinks(ctx context.Context) {
	deadline := time.NewTimer(settleTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for !f.linked() {
		select {
		case <-ctx.Done():
			return
		case <-deadline.C:
			return
		case <-tick.C:
		}
	}
}

// linked reports whether every living node has a link.
func (f *follower) linked() bool {
	up := 0
	for _, s := range f.p.links.States() {
		if s.Phase == link.PhaseUp {
			up++
		}
	}
	return up >= len(f.p.members.Nodes())-1
}
