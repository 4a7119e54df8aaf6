package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
)

// send has a session be sent events whose data are their numbers.
func send(t testing.TB, s *sessions.Session, n int) {
	t.Helper()
	for range n {
		e, err := gatewaytest.Event("MESSAGE_CREATE", object{"id": fmt.Sprint(s.Seq() + 1)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Send(e); err != nil {
			t.Fatal(err)
		}
	}
}

// gets expects events from one number to another, as send sends them.
func (c *client) gets(from, to uint64) {
	c.t.Helper()
	for n := from; n <= to; n++ {
		if p := c.event("MESSAGE_CREATE", n); !strings.Contains(string(p.D), fmt.Sprintf(`"%d"`, n)) && !strings.Contains(string(p.D), fmt.Sprintf(`:%d}`, n)) {
			c.t.Fatalf("number %d has %s", n, p.D)
		}
	}
}

// LC-T1: HELLO comes first, with an interval that is an integer.
func TestHello(t *testing.T) {
	e := oneEdge(t, nil)
	for _, path := range []string{"", "v=10", "v=9&encoding=json", "encoding=etf&v=10", "v=10&compress=zlib-stream", "v=10&compress=zstd-stream"} {
		p := e.dial(path).op(10)
		var d struct {
			Interval int `json:"heartbeat_interval"`
		}
		if err := json.Unmarshal(p.D, &d); err != nil || d.Interval != 41250 {
			t.Errorf("%s: %v, %v", path, p, err)
		}
	}
}

// LC-T2, LC-T6: IDENTIFY is answered by READY, in each encoding and compression, and then
// by the guilds; what is sent to the session comes after that, in order.
func TestReady(t *testing.T) {
	e := oneEdge(t, nil)
	for _, c := range []struct {
		query string
		more  object
	}{
		{"v=10", nil}, {"v=9", nil}, {"v=10", object{"compress": true}},
		{"encoding=etf", nil}, {"encoding=etf", object{"compress": true}},
		{"compress=zlib-stream", nil},
		{"compress=zstd-stream", nil}, {"compress=zstd-stream", object{"compress": true}},
	} {
		t.Run(c.query, func(t *testing.T) {
			w := *e
			w.world = &world{e.world.Backend, t}
			k := w.dial(c.query)
			k.op(10)
			k.identify("Bot bob", c.more)
			p := k.event("READY", 1)
			var d struct {
				V       int
				User    struct{ ID sessions.Snowflake }
				Session sessions.ID `json:"session_id"`
				Resume  string      `json:"resume_gateway_url"`
				Guilds  []struct{ ID sessions.Snowflake }
				Private *[]any `json:"private_channels"`
			}
			if err := json.Unmarshal(p.D, &d); err != nil {
				t.Fatal(err, p)
			}
			v := 10
			if c.query == "v=9" {
				v = 9
			}
			if d.V != v || d.User.ID != bob || d.Resume != e.url || len(d.Guilds) != 1 || d.Guilds[0].ID != evenGuild || d.Private == nil {
				t.Error(p)
			}
			k.event("GUILD_CREATE", 2)
			send(t, w.world.session(d.Session), 1_200)
			k.gets(3, 1_202)
			k.send(1, 1_202)
			k.op(11)
		})
	}
}

// What IDENTIFY says is what the back end gets: the shard, the intents, the presence.
func TestIdentity(t *testing.T) {
	e := oneEdge(t, nil)
	for _, c := range []struct {
		more object
		want sessions.Identity
	}{
		{nil, sessions.Identity{Intents: 1<<64 - 1, LargeThreshold: 50}},
		{object{"intents": -1, "large_threshold": 1000, "unheard_of": object{}}, sessions.Identity{Intents: 1<<64 - 1, LargeThreshold: 250}},
		{object{"intents": 513, "large_threshold": 100, "shard": []int{1, 2}}, sessions.Identity{Intents: 513, LargeThreshold: 100, Shard: sessions.Shard{Index: 1, Count: 2}}},
		{object{"intents": 1<<26 - 1, "guild_subscriptions": false}, sessions.Identity{Intents: 1<<26 - 1 - 1<<1 - 1<<8 - 1<<11 - 1<<14, LargeThreshold: 50}},
	} {
		_, s := e.identify("v=10", "Bearer bob", c.more)
		c.want.User, c.want.Bot = bob, true
		if s.Identity != c.want {
			t.Errorf("%v: %+v, want %+v", c.more, s.Identity, c.want)
		}
	}
	e.identify("v=10", "bob", object{"presence": object{"status": "dnd", "activities": []object{{"name": "chess"}}, "since": nil, "afk": true}})
	asked := e.world.Asked()
	p, ok := asked[len(asked)-1].(sessions.Presence)
	if !ok || p.Status != sessions.DoNotDisturb || string(p.Activities) != `[{"name":"chess"}]` || !p.AFK {
		t.Errorf("%+v", p)
	}
}

// LC-T4: a heartbeat is answered, before there is a session, without a number and with one.
func TestHeartbeat(t *testing.T) {
	e := oneEdge(t, nil)
	c := e.dial("v=10")
	c.op(10)
	for _, d := range []any{nil, 0, 251} {
		c.send(1, d)
		if p := c.op(11); string(p.D) != "null" && len(p.D) != 0 {
			t.Error(p)
		}
	}
	c.identify("bob", nil)
	c.ready()
	c.event("GUILD_CREATE", 2)
	c.send(1, 2)
	c.op(11)
	c.send(1, 3)
	c.closes(gateway.CloseBadSeq)
}

// Without heartbeats a connection is closed, whatever else the client says; with them it
// stays. The session is kept.
func TestHeartbeatDeadline(t *testing.T) {
	e := oneEdge(t, func(c *gateway.Config) {
		c.HeartbeatInterval, c.HeartbeatGrace = 400*time.Millisecond, 200*time.Millisecond
	})
	c, s := e.identify("v=10", "bob", nil)
	c.event("GUILD_CREATE", 2)
	for begun := time.Now(); time.Since(begun) < time.Second; time.Sleep(5 * time.Millisecond) {
		c.send(1, 1)
		c.op(11)
	}
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		for range 70 {
			time.Sleep(10 * time.Millisecond)
			c.send(3, object{"status": "idle"})
		}
	}()
	c.closes(gateway.CloseUnknown)
	<-busy
	if n := e.metric("heartbeats_missed_total", ""); n != 1 {
		t.Errorf("%v were missed", n)
	}
	e.world.session(s.ID())
}

// Who never identifies is closed, though he sends heartbeats.
func TestIdentifyTimeout(t *testing.T) {
	e := oneEdge(t, func(c *gateway.Config) { c.IdentifyTimeout = 50 * time.Millisecond })
	c := e.dial("v=10")
	c.op(10)
	c.send(1, nil)
	c.closes(gateway.CloseUnknown)
}

// What a client with a session asks for is handed over, and what it is answered are events
// of the session; voice states are ignored.
func TestRequests(t *testing.T) {
	e := oneEdge(t, nil)
	c, _ := e.identify("v=10", "bob", nil)
	c.event("GUILD_CREATE", 2)
	c.send(4, object{"guild_id": evenGuild, "channel_id": nil, "self_mute": false, "self_deaf": false})
	c.send(14, object{"guild_id": evenGuild, "channels": object{"7": [][]int{{0, 99}, {100, 199}}}, "typing": true, "members": []string{"5"}})
	c.send(8, object{"guild_id": []string{evenGuild.String()}, "query": "", "limit": 0, "nonce": "n", "presences": true})
	if p := c.event("GUILD_MEMBERS_CHUNK", 3); !strings.Contains(string(p.D), `"nonce":"n"`) {
		t.Error(p)
	}
	c.send(8, object{"guild_id": uint64(evenGuild), "user_ids": "9", "nonce": strings.Repeat("n", 33)})
	c.event("GUILD_MEMBERS_CHUNK", 4)
	asked := e.world.Asked()[1:]
	if len(asked) != 3 {
		t.Fatal(asked)
	}
	watch := asked[0].(sessions.WatchRequest)
	if watch.Guild != evenGuild || fmt.Sprint(watch.Channels) != "map[7:[[0 99] [100 199]]]" || !*watch.Typing || watch.Activities != nil || watch.Members[0] != 5 {
		t.Errorf("%+v", watch)
	}
	if m := asked[1].(sessions.MembersRequest); *m.Query != "" || !m.Presences || m.Nonce != "n" || m.Guilds[0] != evenGuild {
		t.Errorf("%+v", m)
	}
	if m := asked[2].(sessions.MembersRequest); m.Query != nil || m.Users[0] != 9 || m.Nonce != "" {
		t.Errorf("%+v", m)
	}
	c.send(8, object{"guild_id": "77"})
	c.closes(gateway.CloseDecode)
}

// Two shards of a user are two sessions, each with its guilds.
func TestShards(t *testing.T) {
	e := oneEdge(t, nil)
	for i, guild := range []sessions.Snowflake{evenGuild, oddGuild} {
		c, s := e.identify("v=10", "alice", object{"shard": []int{i, 2}})
		if p := c.event("GUILD_CREATE", 2); !strings.Contains(string(p.D), guild.String()) {
			t.Error(p)
		}
		send(t, s, 1)
		c.gets(3, 3)
	}
	if n := len(e.world.OfUser(alice)); n != 2 {
		t.Errorf("%d sessions", n)
	}
}

// A close by the client, with whatever code, is answered by the same and keeps the session:
// some libraries say 1000 and resume.
func TestClientCloses(t *testing.T) {
	e := oneEdge(t, nil)
	for _, code := range []ws.StatusCode{1000, 1001, 4000, 1012} {
		c, s := e.identify("v=10", "bob", nil)
		c.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))
		c.closes(gateway.CloseCode(code))
		eventually(t, "the session has no socket", func() bool { return !s.Attached() })
		c = e.dial("v=10")
		c.op(10)
		c.send(6, object{"token": "bob", "session_id": s.ID(), "seq": 1})
		c.event("GUILD_CREATE", 2)
		c.event("RESUMED", 2)
	}
}

func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(b))
}

// LC-T7: what libraries ask first, where they ask it. What is left of the sessions is what
// the limiter has.
func TestHTTP(t *testing.T) {
	e := oneEdge(t, func(c *gateway.Config) {
		c.Limits = gateway.Limits{IdentifyInterval: -1, IdentifyConcurrency: 3, Sessions: 7}
	})
	base := "http" + strings.TrimPrefix(e.url, "ws")
	e.identify("v=10", "bob", nil)
	for _, prefix := range []string{"", "/api", "/api/v10", "/api/v9"} {
		if code, body := get(t, base+prefix+"/gateway", ""); code != 200 || body != `{"url":"`+e.url+`"}` {
			t.Error(prefix, code, body)
		}
		code, body := get(t, base+prefix+"/gateway/bot", "Bot bob")
		var got struct {
			URL    string
			Shards int
			Limit  map[string]int64 `json:"session_start_limit"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || code != 200 || got.URL != e.url || got.Shards != 1 {
			t.Error(prefix, code, body, err)
		}
		l := got.Limit
		if l["total"] != 7 || l["remaining"] != 6 || l["max_concurrency"] != 3 || l["reset_after"] <= 0 || l["reset_after"] > 4*3600_000 {
			t.Error(body)
		}
	}
	for _, token := range []string{"", "Bot eve", "eve"} {
		if code, body := get(t, base+"/api/v10/gateway/bot", token); code != 401 || body != `{"code":0,"message":"401: Unauthorized"}` {
			t.Error(code, body)
		}
	}
	for path, want := range map[string]int{"/": 426, "/ws": 426, "/nowhere": 404} {
		if code, body := get(t, base+path, ""); code != want || !strings.Contains(body, `"message"`) {
			t.Error(path, code, body)
		}
	}
}

// A cluster behind a proxy tells its public address; who asks over TLS is told wss.
func TestPublicURL(t *testing.T) {
	e := oneEdge(t, func(c *gateway.Config) { c.PublicURL = "wss://gateway.example.com" })
	if _, body := get(t, "http"+strings.TrimPrefix(e.url, "ws")+"/gateway", ""); body != `{"url":"wss://gateway.example.com"}` {
		t.Error(body)
	}
	c := e.dial("v=10")
	c.op(10)
	c.identify("bob", nil)
	if p := c.event("READY", 1); !strings.Contains(string(p.D), `"resume_gateway_url":"wss://gateway.example.com"`) {
		t.Error(p)
	}
}
