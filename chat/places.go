package chat

import (
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// places are where sessions are, of all nodes: which ones an event for a user goes to, and
// whom a session is fetched from. The roster knows it too, but later: it tells presences, and
// takes its time. It has no lock.
type places struct {
	user map[place]sessions.Snowflake
	of   map[sessions.Snowflake][]place
}

func newPlaces() *places {
	return &places{user: map[place]sessions.Snowflake{}, of: map[sessions.Snowflake][]place{}}
}

// set notes whose session is in a place; 0: none is there.
func (p *places) set(at place, user sessions.Snowflake) {
	was := p.user[at]
	if was == user {
		return
	}
	if was != 0 {
		delete(p.user, at)
		rest := slices.DeleteFunc(p.of[was], func(o place) bool { return o == at })
		if p.of[was] = rest; len(rest) == 0 {
			delete(p.of, was)
		}
	}
	if user != 0 {
		p.user[at] = user
		p.of[user] = append(p.of[user], at)
	}
}

// nodes are where a user has sessions.
func (p *places) nodes(user sessions.Snowflake, into map[eventnode.NodeID]bool) {
	for _, at := range p.of[user] {
		into[at.node] = true
	}
}

// find is the nodes that have a session of a user.
func (p *places) find(user sessions.Snowflake, id sessions.ID) (nodes []eventnode.NodeID) {
	for _, at := range p.of[user] {
		if at.id == id {
			nodes = append(nodes, at.node)
		}
	}
	return nodes
}

// SetPlace says that a node has a session of a user, or has not any more, if that is 0. The
// node calls it as soon as it hears of that, before it says to the other one that it has: who
// was told that all know of a session can rely on it.
func (h *Hub) SetPlace(node eventnode.NodeID, id sessions.ID, user sessions.Snowflake) {
	h.wantMu.Lock()
	defer h.wantMu.Unlock()
	h.places.set(place{node, id}, user)
}
