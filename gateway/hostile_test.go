package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/sessions"
)

// Each close code comes for what it stands for, and for nothing else; who is closed leaves
// others alone.
func TestCloseCodes(t *testing.T) {
	e := newWorld(t, sessions.Config{MaxPerUser: 10}).edge(func(c *gateway.Config) { c.Limits.Messages = 120 })
	victim, s := e.identify("v=10", "alice", nil)
	victim.event("GUILD_CREATE", 2)
	victim.event("GUILD_CREATE", 3)
	raw := func(b ...byte) func(*client) {
		return func(c *client) { _, _ = c.conn.Write(b) }
	}
	text := func(s string) func(*client) { return func(c *client) { c.text(s) } }
	for _, c := range []struct {
		name       string
		query      string
		identified bool
		do         func(*client)
		code       gateway.CloseCode
	}{
		{"unknown opcode", "v=10", false, text(`{"op":12}`), gateway.CloseBadOpcode},
		{"opcode of the gateway", "v=10", true, text(`{"op":0,"d":{}}`), gateway.CloseBadOpcode},
		{"negative opcode", "v=10", false, text(`{"op":-1}`), gateway.CloseDecode},
		{"no JSON", "v=10", false, text(`{"op":`), gateway.CloseDecode},
		{"no object", "v=10", false, text(`[]`), gateway.CloseDecode},
		{"no ETF", "encoding=etf", false, text(`{"op":1}`), gateway.CloseDecode},
		{"bad IDENTIFY", "v=10", false, text(`{"op":2,"d":{"token":true}}`), gateway.CloseDecode}, // LC-T3
		{"empty IDENTIFY", "v=10", false, text(`{"op":2}`), gateway.CloseDecode},
		{"bad RESUME", "v=10", false, text(`{"op":6,"d":{"token":"bob","session_id":5}}`), gateway.CloseDecode},
		{"negative seq", "v=10", false, text(`{"op":6,"d":{"token":"bob","session_id":"x","seq":-1}}`), gateway.CloseDecode},
		{"bad heartbeat", "v=10", false, text(`{"op":1,"d":"x"}`), gateway.CloseDecode},
		{"bad status", "v=10", true, text(`{"op":3,"d":{"status":"asleep"}}`), gateway.CloseDecode},
		{"bad activities", "v=10", true, text(`{"op":3,"d":{"status":"idle","activities":[1]}}`), gateway.CloseDecode},
		{"bad members", "v=10", true, text(`{"op":8,"d":{"query":""}}`), gateway.CloseDecode},
		{"bad lazy guild", "v=10", true, text(`{"op":14,"d":{"channels":{"x":[]}}}`), gateway.CloseDecode},
		{"presence first", "v=10", false, text(`{"op":3,"d":{"status":"idle"}}`), gateway.CloseNotIdentified},
		{"voice first", "v=10", false, text(`{"op":4,"d":{}}`), gateway.CloseNotIdentified},
		{"members first", "v=10", false, text(`{"op":8,"d":{}}`), gateway.CloseNotIdentified},
		{"lazy guild first", "v=10", false, text(`{"op":14,"d":{}}`), gateway.CloseNotIdentified},
		{"bad token", "v=10", false, text(`{"op":2,"d":{"token":"eve"}}`), gateway.CloseAuthentication},
		{"empty token", "v=10", false, text(`{"op":2,"d":{"token":""}}`), gateway.CloseAuthentication},
		{"identified twice", "v=10", true, text(`{"op":2,"d":{"token":"bob"}}`), gateway.CloseIdentifiedTwice},
		{"identified and resumed", "v=10", true, text(`{"op":6,"d":{"token":"bob"}}`), gateway.CloseIdentifiedTwice},
		{"heartbeat ahead", "v=10", true, text(`{"op":1,"d":3}`), gateway.CloseBadSeq},
		{"negative heartbeat", "v=10", true, text(`{"op":1,"d":-1}`), gateway.CloseBadSeq},
		{"message flood", "v=10", false, func(c *client) {
			for range 121 {
				c.send(1, nil)
			}
		}, gateway.CloseRateLimited},
		{"ping flood", "v=10", true, func(c *client) {
			for range 120 {
				c.frame(ws.NewPingFrame(nil))
			}
		}, gateway.CloseRateLimited},
		{"large message", "v=10", false, text(strings.Repeat(" ", 4097)), gateway.CloseTooLarge},
		{"announced message", "v=10", false, raw(0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4), gateway.CloseTooLarge},
		{"large in fragments", "v=10", false, func(c *client) {
			c.frame(ws.NewFrame(ws.OpText, false, make([]byte, 4000)))
			c.frame(ws.NewFrame(ws.OpContinuation, true, make([]byte, 97)))
		}, gateway.CloseTooLarge},
		{"endless fragments", "v=10", false, func(c *client) {
			c.frame(ws.NewFrame(ws.OpText, false, nil))
			for range 100 {
				c.frame(ws.NewFrame(ws.OpContinuation, false, nil))
			}
		}, gateway.CloseTooLarge},
		{"shard beyond", "v=10", false, text(`{"op":2,"d":{"token":"bob","shard":[2,2]}}`), gateway.CloseBadShard},
		{"shard of none", "v=10", false, text(`{"op":2,"d":{"token":"bob","shard":[0,0]}}`), gateway.CloseBadShard},
		{"half a shard", "v=10", false, text(`{"op":2,"d":{"token":"bob","shard":[0]}}`), gateway.CloseBadShard},
		{"negative shard", "v=10", false, text(`{"op":2,"d":{"token":"bob","shard":[-1,2]}}`), gateway.CloseBadShard},
		{"sharding required", "v=10", false, text(`{"op":2,"d":{"token":"many"}}`), gateway.CloseShardingRequired},
		{"version 8", "v=8", false, func(*client) {}, gateway.CloseBadVersion},
		{"version x", "v=x", false, func(*client) {}, gateway.CloseBadVersion},
		{"encoding", "encoding=xml", false, func(*client) {}, gateway.CloseDecode},
		{"compression", "compress=lzma", false, func(*client) {}, gateway.CloseDecode},
		{"intents", "v=10", false, text(`{"op":2,"d":{"token":"bob","intents":67108864}}`), gateway.CloseBadIntents},
		{"negative intents", "v=10", false, text(`{"op":2,"d":{"token":"bob","intents":-2}}`), gateway.CloseBadIntents},
		{"not masked", "v=10", false, raw(0x81, 0), gateway.CloseProtocol},
		{"reserved bits", "v=10", false, raw(0xc1, 0x80, 0, 0, 0, 0), gateway.CloseProtocol},
		{"reserved opcode", "v=10", false, raw(0x83, 0x80, 0, 0, 0, 0), gateway.CloseProtocol},
		{"continuation of nothing", "v=10", false, raw(0x80, 0x80, 0, 0, 0, 0), gateway.CloseProtocol},
		{"length of 64 bits", "v=10", false, raw(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), gateway.CloseProtocol},
		{"close without a code", "v=10", false, func(c *client) { c.frame(ws.NewCloseFrame(nil)) }, gateway.CloseNormal},
		{"close with a bad code", "v=10", false, func(c *client) { c.frame(ws.NewCloseFrame([]byte{0, 1})) }, gateway.CloseProtocol},
		{"no UTF-8", "v=10", false, text("\xff"), gateway.CloseBadText},
		{"garbage", "v=10", false, raw([]byte(strings.Repeat("garbage ", 999))...), gateway.CloseProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := e.dial(c.query)
			k.t = t
			if c.identified {
				k.op(10)
				k.identify("bob", nil)
				k.ready()
				k.event("GUILD_CREATE", 2)
			}
			c.do(k)
			k.closes(c.code)
			if c.identified {
				for _, s := range e.world.OfUser(bob) {
					e.world.End(s)
				}
			}
		})
	}
	send(t, s, 1)
	victim.gets(4, 4)
	eventually(t, "one connection is left", func() bool { return e.metric("connections", "") == 1 })
	if n := e.metric("closes_total", "4009"); n != 4 {
		t.Errorf("%v closes of 4009", n)
	}
}

// Messages in fragments, with control frames between, are whole.
func TestFragments(t *testing.T) {
	e := oneEdge(t, nil)
	c := e.dial("v=10")
	c.op(10)
	for range 2 {
		c.frame(ws.NewFrame(ws.OpText, false, []byte(`{"op"`)))
		c.frame(ws.NewPingFrame([]byte("between")))
		if kind, data, err := c.message(); kind != ws.OpPong || string(data) != "between" || err != nil {
			t.Fatal(kind, string(data), err)
		}
		c.frame(ws.NewFrame(ws.OpContinuation, false, nil))
		c.frame(ws.NewFrame(ws.OpContinuation, true, []byte(`:1}`)))
		c.op(11)
	}
	c.frame(ws.NewFrame(ws.OpText, false, nil))
	c.frame(ws.NewFrame(ws.OpContinuation, true, nil))
	c.closes(gateway.CloseDecode)
}

// Presences beyond the limit are dropped and counted, and nothing else happens.
func TestPresenceLimit(t *testing.T) {
	e := oneEdge(t, func(c *gateway.Config) { c.Limits.Presences = 0 }) // the default, 5
	c, _ := e.identify("v=10", "bob", nil)
	c.event("GUILD_CREATE", 2)
	for range 9 {
		c.send(3, object{"status": "idle"})
	}
	c.send(1, nil)
	c.op(11)
	if n := len(e.world.Asked()); n != 1+5 {
		t.Errorf("%d presences, with that of IDENTIFY", n)
	}
	if n := e.metric("limited_total", "presences"); n != 4 {
		t.Errorf("%v were dropped", n)
	}
}

// A user opens one session in an interval: the next one waits, one more is refused and can
// try again on the same connection. Other users, and other buckets, have turns of their own.
func TestIdentifyLimit(t *testing.T) {
	const interval = time.Second
	e := oneEdge(t, func(c *gateway.Config) {
		c.Limits = gateway.Limits{IdentifyInterval: interval, IdentifyConcurrency: 2}
	})
	begun := time.Now()
	e.identify("v=10", "alice", nil)
	waits := e.dial("v=10")
	waits.op(10)
	waits.identify("alice", nil)
	eventually(t, "it waits", func() bool { return e.metric("received_total", "identify") == 2 })
	for _, c := range []struct {
		token string
		shard []int
	}{{"bob", []int{0, 1}}, {"alice", []int{1, 2}}} {
		k := e.dial("v=10")
		k.op(10)
		k.identify(c.token, object{"shard": c.shard})
		k.ready()
	}
	third := e.dial("v=10")
	third.op(10)
	third.identify("alice", nil)
	third.invalid()
	waits.ready()
	if waited := time.Since(begun); waited < interval {
		t.Errorf("it waited %v", waited)
	}
	for {
		third.identify("alice", nil)
		if p := third.must(); p.T == "READY" {
			break
		} else if p.Op != 9 {
			t.Fatal(p)
		}
	}
}

// A user opens so many sessions in a period, and then none.
func TestSessionLimit(t *testing.T) {
	e := oneEdge(t, func(c *gateway.Config) { c.Limits.Sessions = 2 })
	for range 2 {
		e.identify("v=10", "bob", nil)
	}
	c := e.dial("v=10")
	c.op(10)
	c.identify("bob", nil)
	c.closes(gateway.CloseRateLimited)
	e.identify("v=10", "alice", nil)
	e = newWorld(t, sessions.Config{MaxPerUser: 1}).edge(nil)
	e.identify("v=10", "bob", nil)
	c = e.dial("v=10")
	c.op(10)
	c.identify("bob", nil)
	if end := c.closes(gateway.CloseRateLimited); !strings.Contains(end.reason, "max_sessions_per_user") {
		t.Error(end)
	}
}

// Connections are bounded: who comes then is refused by HTTP, and has a place when another
// has gone.
func TestMaxConnections(t *testing.T) {
	e := oneEdge(t, func(c *gateway.Config) { c.MaxConnections = 2 })
	first := e.dial("v=10")
	e.dial("v=10")
	if _, err := e.tryDial("v=10"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Error(err)
	}
	first.conn.Close()
	eventually(t, "there is a place", func() bool {
		_, err := e.tryDial("v=10")
		return err == nil
	})
	if e.metric("refused_total", "max_connections") < 1 {
		t.Error("not counted")
	}
}

// A client that stops reading falls out of its log, or a write to it waits too long: it is
// closed, and others get everything meanwhile. When it has fallen out its session is gone.
func TestSlowReader(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*gateway.Config)
		gap    bool
	}{
		{"gap", func(c *gateway.Config) { c.WriteTimeout = time.Minute }, true},
		{"write timeout", func(c *gateway.Config) { c.WriteTimeout = 50 * time.Millisecond }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newWorld(t, sessions.Config{ReplayBytes: 1 << 20}).edge(c.change)
			slow, lost := e.identify("v=10", "bob", nil)
			fast, s := e.identify("v=10", "bob", nil)
			fast.event("GUILD_CREATE", 2)
			big := json.RawMessage(`{"x":"` + strings.Repeat("x", 50_000) + `"}`)
			for n := range uint64(600) { // 30 MB: beyond what the kernel holds for a connection
				ev := &sessions.Event{Type: "BIG", Data: big}
				for _, to := range []*sessions.Session{lost, s} {
					if _, err := to.Send(ev); err != nil && (to != lost || c.gap) {
						t.Fatal(err)
					}
				}
				fast.event("BIG", n+3)
			}
			if !c.gap {
				eventually(t, "it is cut off", func() bool { return e.metric("connections", "") == 1 })
				e.world.session(lost.ID())
				if log := e.log.String(); !strings.Contains(log, `code=1006 reason="the client did not read for too long"`) {
					t.Error(log)
				}
				return
			}
			end := slow.closes(gateway.CloseUnknown) // it reads what was written, and then that
			if !strings.Contains(end.reason, "too slowly") {
				t.Error(end)
			}
			eventually(t, "the session is gone", func() bool { return e.world.Len() == 1 })
			if e.metric("missing_events_total", "") == 0 {
				t.Error("not counted")
			}
		})
	}
}

// A session that ends on the node tells its client to begin anew.
func TestSessionEnds(t *testing.T) {
	e := oneEdge(t, nil)
	c, s := e.identify("v=10", "bob", nil)
	c.event("GUILD_CREATE", 2)
	e.world.End(s)
	c.invalid()
	c.closes(gateway.CloseUnknown)
}

// An event that cannot be encoded is left out and counted; what comes behind it is there.
func TestUnencodable(t *testing.T) {
	e := oneEdge(t, nil)
	c, s := e.identify("v=10", "bob", nil)
	c.event("GUILD_CREATE", 2)
	if _, err := s.Send(&sessions.Event{Type: "X", Data: json.RawMessage(`{"half`)}); err != nil {
		t.Fatal(err)
	}
	send(t, s, 1)
	c.gets(4, 4)
	if n := e.metric("unencodable_total", ""); n != 1 {
		t.Errorf("%v were left out", n)
	}
}

// Lines about bad clients are bounded.
func TestLogIsBounded(t *testing.T) {
	e := oneEdge(t, nil)
	for range 100 {
		c := e.dial("v=10")
		c.text("garbage")
		c.closes(gateway.CloseDecode)
	}
	eventually(t, "all are gone", func() bool { return e.metric("connections", "") == 0 })
	lines, left := strings.Count(e.log.String(), "\n"), e.metric("unlogged_total", "")
	if lines+int(left) != 100 || lines < 50 || left == 0 {
		t.Errorf("%d lines, %v were left out", lines, left)
	}
	if !strings.Contains(e.log.String(), fmt.Sprintf("code=%d", gateway.CloseDecode)) {
		t.Error(e.log)
	}
}
