package gateway

import (
	"context"

	"github.com/eventnode/eventnode/sessions"
)

// reserve takes a place for a connection, or says why there is none.
func (g *Gateway) reserve() (why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.phase != running:
		return "not_accepting"
	case g.taken >= g.cfg.MaxConnections:
		return "max_connections"
	}
	g.taken++
	g.metrics.connections.Set(float64(g.taken))
	return ""
}

// release gives the place back.
func (g *Gateway) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken--
	g.metrics.connections.Set(float64(g.taken))
	g.hush()
}

// add has a connection be found. It reports whether the gateway still takes any.
func (g *Gateway) add(c *connection) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.connections[c] = struct{}{}
	return g.phase == running
}

// accepting reports whether sessions may begin here.
func (g *Gateway) accepting() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.phase == running
}

// remove has a connection not be found any more.
func (g *Gateway) remove(c *connection) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.connections, c)
	if id := c.holds; g.holders[id].connection == c {
		delete(g.holders, id)
	}
}

// holder is who has the socket of a session.
type holder struct {
	connection *connection
	user       sessions.Snowflake
}

// hold notes who has the socket of a session.
func (g *Gateway) hold(s *sessions.Session, c *connection) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.holds = s.ID()
	g.holders[s.ID()] = holder{c, s.User}
}

func (g *Gateway) holder(id sessions.ID) (h holder, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h, ok = g.holders[id]
	return h, ok
}

// Release frees a session from a connection that is dead: it is asked, by a ping, and cut
// off if it does not answer in Config.ProbeTimeout. It fails with sessions.ErrAttached if
// the client is there, or if no connection of this gateway has the session. A Backend calls
// it on the node that has the session when somebody resumes on another one.
func (g *Gateway) Release(ctx context.Context, id sessions.ID) error {
	h, ok := g.holder(id)
	if !ok || h.connection.alive(ctx) {
		return sessions.ErrAttached
	}
	return nil
}
