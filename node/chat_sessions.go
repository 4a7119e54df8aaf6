package node

import (
	"log/slog"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/sessions"
)

// sessionFollower turns memberships of sessionScope into what a hub knows of sessions.
type sessionFollower struct {
	hub    *chat.Hub
	logger *slog.Logger
	known  map[string]map[eventnode.NodeID]bool // by session: where it is
}

// replace applies a whole view: what is not in it is gone.
func (f *sessionFollower) replace(all map[string][]eventnode.Membership) {
	before := f.known
	f.known = map[string]map[eventnode.NodeID]bool{}
	for session, members := range all {
		for _, m := range members {
			f.set(session, m)
		}
	}
	for session, nodes := range before {
		for node := range nodes {
			if !f.known[session][node] {
				f.hub.SetSession(node, sessions.ID(session), nil)
			}
		}
	}
}

// apply applies a difference. A node that was replaced by a new life of its name has left
// before that one joins.
func (f *sessionFollower) apply(c eventnode.Change) {
	for _, m := range c.Left {
		node := m.Member.Node.ID
		if f.known[c.Group][node] {
			delete(f.known[c.Group], node)
			f.hub.SetSession(node, sessions.ID(c.Group), nil)
		}
	}
	if len(f.known[c.Group]) == 0 {
		delete(f.known, c.Group)
	}
	for _, m := range c.Joined {
		f.set(c.Group, m)
	}
	for _, m := range c.Updated {
		f.set(c.Group, m)
	}
}

func (f *sessionFollower) set(session string, m eventnode.Membership) {
	meta := &clusterv1.ChatSessionMeta{}
	if err := proto.Unmarshal([]byte(m.Meta), meta); err != nil {
		f.logger.Warn("a node says of a session what this one does not understand", "node", m.Member.Node.ID, "error", err)
		return
	}
	if f.known[session] == nil {
		f.known[session] = map[eventnode.NodeID]bool{}
	}
	f.known[session][m.Member.Node.ID] = true
	f.hub.SetSession(m.Member.Node.ID, sessions.ID(session), meta)
}
