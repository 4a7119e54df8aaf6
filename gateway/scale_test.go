package gateway_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/eventnode/eventnode/sessions"
)

// load is how many connections the tests of scale have.
func load(t *testing.T) int {
	if testing.Short() {
		return 100
	}
	t.Helper()
	return 1_000
}

// A thousand connections that are idle have a goroutine each and none that waits to write;
// each gets what is sent to all.
func TestIdle(t *testing.T) {
	n := load(t)
	e := newWorld(t, sessions.Config{MaxPerUser: n}).edge(nil)
	clients := make([]*client, n)
	before := runtime.NumGoroutine()
	for i := range clients {
		clients[i], _ = e.identify("v=10", "bob", nil)
		clients[i].event("GUILD_CREATE", 2)
	}
	eventually(t, "nobody writes", func() bool { return runtime.NumGoroutine()-before <= n+5 })
	ev := &sessions.Event{Type: "TO_ALL", Data: []byte(`{"x":1}`)}
	for _, s := range e.world.OfUser(bob) {
		if _, err := s.Send(ev); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range clients {
		c.event("TO_ALL", 3)
	}
}

// A thousand clients that lose their connections at once all resume, and miss nothing.
func TestReconnectStorm(t *testing.T) {
	n := load(t)
	e := newWorld(t, sessions.Config{MaxPerUser: n}).edge(nil)
	var storm sync.WaitGroup
	for range n {
		c, s := e.identify("v=10", "bob", nil)
		c.event("GUILD_CREATE", 2)
		storm.Go(func() {
			c.conn.Close() // the gateway may not have seen it yet
			send(t, s, 3)
			c = e.resume("bob", s.ID(), 2)
			c.gets(3, 5)
			c.event("RESUMED", 5)
		})
	}
	storm.Wait()
	eventually(t, "all are counted", func() bool { return e.metric("resumes_total", "ok") == float64(n) }) // behind RESUMED
}
