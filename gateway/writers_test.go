package gateway_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/sessions"
)

// A client that does not read for a while gets, when it reads, each event once and in order:
// also the one of which a part was written when its connection took no more. Others are not
// held up meanwhile, by as many as there are processors and more.
func TestPartWritten(t *testing.T) {
	const events, slowOnes = 300, 20
	e := newWorld(t, sessions.Config{ReplayBytes: 64 << 20, MaxPerUser: slowOnes}).edge(func(c *gateway.Config) { c.WriteTimeout = patience })
	var slow []*client
	for range slowOnes {
		c, _ := e.identify("v=10", "bob", nil)
		c.event("GUILD_CREATE", 2)
		slow = append(slow, c)
	}
	quick, s := e.identify("v=10", "alice", nil)
	quick.event("GUILD_CREATE", 2)
	quick.event("GUILD_CREATE", 3)
	for i := range events {
		ev := &sessions.Event{Type: "LARGE", Data: fmt.Appendf(nil, `{"n":%d,"x":"%s"}`, i, bytes.Repeat([]byte{'x'}, 30<<10))}
		for _, s := range e.world.OfUser(bob) {
			if _, err := s.Send(ev); err != nil {
				t.Fatal(err)
			}
		}
		if i%10 == 0 {
			send(t, s, 1)
			quick.event("MESSAGE_CREATE", uint64(4+i/10))
		}
	}
	for _, c := range slow[:3] { // the others go without a word
		for i := range events {
			if p := c.event("LARGE", uint64(3+i)); !bytes.HasPrefix(p.D, fmt.Appendf(nil, `{"n":%d,`, i)) {
				t.Fatalf("event %d is %v", i, p)
			}
		}
	}
}
