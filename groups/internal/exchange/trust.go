package exchange

import (
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
)

// Whose word counts:
//
//   - A node is known while there is a link to it or membership holds it alive.
//     What others send is ignored.
//   - An origin's own word about its part counts while the origin is known; a
//     third party's counts only while membership holds that epoch alive.
//   - A purge leaves a tombstone: no epoch below it counts any more; its own
//     epoch counts again when membership holds it alive again, or from the
//     origin itself, over a link that is still or again up.

// known reports whether messages from a node are listened to.
func (x *Exchange) known(ref eventnode.NodeRef) bool {
	return x.up[ref.ID] == ref.Epoch || x.alive[ref.ID] == ref.Epoch
}

// believes reports whether what a known node says about an origin counts.
func (x *Exchange) believes(from, origin eventnode.NodeRef) bool {
	if origin.ID == x.cfg.Self.ID {
		return false
	}
	return from == origin || x.alive[origin.ID] == origin.Epoch
}

// latest takes note of an epoch that was heard of first hand. It reports false
// if a later life of that name is known; an earlier one is purged.
func (x *Exchange) latest(ref eventnode.NodeRef) bool {
	id := ref.ID
	if id == x.cfg.Self.ID || id == "" || ref.Epoch == 0 {
		return false
	}
	if ref.Epoch < max(x.graves.epochs[id], x.up[id], x.alive[id]) {
		x.counts.Refused[RefusedStale]++
		return false
	}
	if x.alive[id] < ref.Epoch {
		delete(x.alive, id)
	}
	if x.up[id] < ref.Epoch {
		x.unlink(id)
	}
	x.purge(id, ref.Epoch-1)
	return true
}

// PeerUp says that messages to ref can be sent; both sides compare digests.
func (x *Exchange) PeerUp(ref eventnode.NodeRef) {
	if !x.latest(ref) {
		return
	}
	x.unlink(ref.ID)
	x.up[ref.ID] = ref.Epoch
	x.peers = append(x.peers, ref)
	slices.SortFunc(x.peers, byName)
	for _, s := range x.scopes {
		delete(s.seen, ref)
		s.unsettled = !s.local
	}
	x.sendDigest(ref, true)
}

// PeerDown says that messages to ref cannot be sent any more. Its part stays as
// long as membership holds it alive.
func (x *Exchange) PeerDown(ref eventnode.NodeRef) {
	if x.up[ref.ID] != ref.Epoch {
		return
	}
	x.unlink(ref.ID)
	if x.alive[ref.ID] != ref.Epoch {
		x.purge(ref.ID, ref.Epoch)
	}
}

// unlink forgets the link to a node.
func (x *Exchange) unlink(id eventnode.NodeID) {
	delete(x.up, id)
	x.peers = slices.DeleteFunc(x.peers, func(r eventnode.NodeRef) bool { return r.ID == id })
	for _, s := range x.scopes {
		for origin, p := range s.pulls {
			if p.from.ID == id {
				delete(s.pulls, origin)
			}
		}
	}
}

// NodeAlive says that membership holds ref alive.
func (x *Exchange) NodeAlive(ref eventnode.NodeRef) {
	if !x.latest(ref) || x.alive[ref.ID] == ref.Epoch {
		return
	}
	x.alive[ref.ID] = ref.Epoch
	if x.up[ref.ID] == ref.Epoch {
		x.sendDigest(ref, true)
	}
}

// NodeGone says that ref is dead, has left or was replaced: its part goes.
func (x *Exchange) NodeGone(ref eventnode.NodeRef) {
	if ref.ID == x.cfg.Self.ID || ref.ID == "" {
		return
	}
	if x.alive[ref.ID] <= ref.Epoch {
		delete(x.alive, ref.ID)
	}
	x.graves.add(ref)
	x.purge(ref.ID, ref.Epoch)
}

// purge removes a node's part in all scopes if its epoch is upTo or lower.
func (x *Exchange) purge(id eventnode.NodeID, upTo uint64) {
	for _, name := range x.names() {
		s := x.scopes[name]
		for ref := range s.seen {
			if ref.ID == id && ref.Epoch <= upTo {
				delete(s.seen, ref)
			}
		}
		if c := s.copies[id]; c != nil && c.origin.Epoch <= upTo {
			delete(s.copies, id)
		}
		if p, ok := s.table.Part(id); ok && p.Ref.Epoch <= upTo {
			x.drop(s, p)
		}
	}
}

// drop removes one part and tells the difference.
func (x *Exchange) drop(s *scope, p table.Part) {
	id := p.Ref.ID
	delete(s.logs, id)
	delete(s.pulls, id)
	delete(x.acks, part{s.name, p.Ref})
	x.acked = part{}
	if s.served.origin == p.Ref {
		s.served = served{}
	}
	x.resum(s, p, table.Part{})
	x.event(s, p.Ref, s.table.Purge(id, x.cfg.Watched(s.name)))
}

// graves are the tombstones: the highest epoch of each name that is known to
// be gone. They are bounded; the oldest is forgotten, after which an earlier
// life of that name would still need a link or membership to come back.
type graves struct {
	epochs map[eventnode.NodeID]uint64
	order  []eventnode.NodeID
}

func (g *graves) add(ref eventnode.NodeRef) {
	if _, ok := g.epochs[ref.ID]; !ok {
		g.order = append(g.order, ref.ID)
	}
	g.epochs[ref.ID] = max(g.epochs[ref.ID], ref.Epoch)
	if len(g.order) > maxGraves {
		delete(g.epochs, g.order[0])
		g.order = g.order[1:]
	}
}
