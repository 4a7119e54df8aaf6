package shard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// A shard has every event of a session, once and in order, in each encoding with each
// compression; and so it is when its connection is cut off again and again: it resumes.
func TestResumesInEveryEncoding(t *testing.T) {
	for _, encoding := range []string{"json", "etf"} {
		for _, compress := range []string{"none", "zlib-stream", "zstd-stream", "zlib-payload"} {
			if encoding == "etf" && compress == "zlib-payload" {
				continue
			}
			t.Run(encoding+" "+compress, func(t *testing.T) {
				t.Parallel()
				e := newEdge(t, sessions.Config{}, nil)
				r := e.run(func(c *shard.Config) { c.Encoding, c.Compress = encoding, compress })
				s := r.ready(e, 2)
				seq := uint64(4)
				for round := range 5 {
					send(t, s, 100)
					r.texts(seq, 50)
					if e.dials.cut() == 0 {
						t.Fatal("nothing was cut")
					}
					send(t, s, 10)
					r.texts(seq+50, 60)
					seq += 110
					eventually(t, "it has resumed", func() bool { return r.metric("connects_total", "resumed") == float64(round+1) })
				}
				if n := r.metric("gaps_total", ""); n != 0 {
					t.Errorf("%v gaps", n)
				}
				if n := r.metric("connects_total", "ready"); n != 1 {
					t.Errorf("%v sessions", n)
				}
			})
		}
	}
}

// A session that was left by Stop goes on with another Shard, as on another node: what was
// being handled then is not sent again, and nothing is missing.
func TestMoves(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	r := e.run(func(c *shard.Config) { c.ReadAhead = 8 })
	s := r.ready(e, 2)
	seq := uint64(4)
	for range 5 {
		send(t, s, 100)
		r.texts(seq, 7) // others were read, and one is being delivered
		stopped := make(chan shard.Resume, 1)
		go func() {
			at, err := r.Stop(context.Background())
			if err != nil {
				t.Error(err)
			}
			stopped <- at
		}()
		// What is being delivered when it is stopped is waited for.
		var at shard.Resume
		handled := 0
		for done := false; !done; {
			select {
			case p := <-r.got:
				if handled++; p.Origin.Seq != seq+6+uint64(handled) {
					t.Fatalf("got %d behind %d", p.Origin.Seq, seq+6)
				}
			case at = <-stopped:
				done = true
			}
		}
		if at.Session != string(s.ID()) || at.Seq != seq+6+uint64(handled) || at.Gateway != e.url {
			t.Fatalf("%+v, want seq %d", at, seq+6+uint64(handled))
		}
		text, err := json.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		var moved shard.Resume
		if err := json.Unmarshal(text, &moved); err != nil || moved != at {
			t.Fatal(err, moved)
		}
		r = e.run(func(c *shard.Config) { c.Resume = moved })
		r.texts(at.Seq+1, 93-handled)
		if n := r.metric("gaps_total", "") + r.metric("connects_total", "ready"); n != 0 {
			t.Fatalf("%v gaps and sessions", n)
		}
		seq += 100
	}
}

// Stop does not wait for a handler longer than it is told to: the payload was not handled
// then, and comes again.
func TestStopGivesUp(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	r := e.run(nil)
	r.event("READY", 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	at, err := r.Stop(ctx) // GUILD_CREATE is not taken from it
	if !errors.Is(err, context.Canceled) || at.Seq != 1 {
		t.Fatalf("%v %+v", err, at)
	}
	if err := r.Run(context.Background(), nil); !errors.Is(err, shard.ErrStopped) {
		t.Error(err)
	}
	if err := r.UpdatePresence(context.Background(), sessions.Presence{}); !errors.Is(err, shard.ErrStopped) {
		t.Error(err)
	}
}

// Two shards have the guilds that are theirs, found by the API, and each its own session.
func TestTwoShards(t *testing.T) {
	e := newEdge(t, sessions.Config{}, func(c *gateway.Config) {
		c.Limits.IdentifyConcurrency = 2
	})
	starts := shard.NewStarts(shard.StartLimit{MaxConcurrency: 2})
	var sessions []string
	for n, guild := range []string{evenGuild.String(), oddGuild.String()} {
		r := e.run(func(c *shard.Config) {
			c.Gateway, c.API = "", e.http+"/api/v10"
			c.Shard, c.Shards, c.Identify = n, 2, starts
		})
		p := r.event("READY", 1)
		want := source.Origin{Source: "chat", Shard: n, Shards: 2, Session: p.Origin.Session, Seq: 1}
		if p.Origin != want {
			t.Errorf("%+v, want %+v", p.Origin, want)
		}
		sessions = append(sessions, p.Origin.Session)
		if g := r.event("GUILD_CREATE", 2); !strings.Contains(string(g.Data), `"`+guild+`"`) {
			t.Errorf("shard %d has %s", n, g.Data)
		}
		if at := r.Resume(); at.Gateway != e.url {
			t.Error(at)
		}
	}
	if sessions[0] == sessions[1] {
		t.Error(sessions)
	}
}

// A session that the gateway has ended is followed by another one, and consumers are told
// in between from which payload on some may be missing.
func TestLostSessionIsTold(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	gaps := make(chan shard.Gap, 1)
	r := e.run(func(c *shard.Config) { c.OnGap = func(g shard.Gap) { gaps <- g } })
	s := r.ready(e, 2)
	send(t, s, 3)
	r.texts(4, 3)
	e.dials.cut()
	e.Manager.End(s.ID())
	p := r.next()
	var g shard.Gap
	if err := json.Unmarshal(p.Data, &g); err != nil || p.Name != shard.GapName {
		t.Fatal(err, p)
	}
	want := shard.Gap{Session: string(s.ID()), First: 7, Why: shard.GapInvalidSession}
	if told := <-gaps; g != want || told != want || p.Origin.Session != want.Session {
		t.Fatalf("%+v, told %+v, of %+v", g, told, p.Origin)
	}
	if again := r.ready(e, 2); again.ID() == s.ID() {
		t.Error("the same session")
	}
}

// Presences that the gateway sums up in a replay are no gap.
func TestSummedUpReplayIsNoGap(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	r := e.run(func(c *shard.Config) { c.MinBackoff = 50 * time.Millisecond })
	s := r.ready(e, 2)
	e.dials.cut()
	eventually(t, "it is seen", func() bool { return !s.Attached() })
	for range 3 {
		ev, err := gatewaytest.Event("PRESENCE_UPDATE", map[string]any{"user": map[string]any{"id": "7"}, "guild_id": "4", "status": "idle"})
		if err == nil {
			_, err = s.Send(ev)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if p := r.next(); p.Name != "PRESENCES_REPLACE" || p.Origin.Seq != 7 {
		t.Fatalf("%s %d", p.Name, p.Origin.Seq)
	}
	send(t, s, 1)
	r.texts(8, 1)
}

// The bot's presence, its requests for members and its voice state reach the gateway; the
// members of guilds are asked for by the rule; nothing goes beyond the gateway's limit.
func TestCommands(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	r := e.run(func(c *shard.Config) {
		c.Intents = 1<<0 | 1<<1 // members, and no presences
		c.Presence = &sessions.Presence{Status: sessions.Idle}
	})
	r.ready(e, 2)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for n := range 2 { // by the rule
		r.event("GUILD_MEMBERS_CHUNK", uint64(n)+4)
	}
	if err := r.UpdatePresence(ctx, sessions.Presence{Status: sessions.DoNotDisturb, Activities: json.RawMessage(`[{"name":"x"}]`)}); err != nil {
		t.Fatal(err)
	}
	channel := sessions.Snowflake(9)
	if err := r.UpdateVoiceState(ctx, shard.VoiceState{Guild: oddGuild, Channel: &channel}); err != nil {
		t.Fatal(err)
	}
	query := "us"
	if err := r.RequestMembers(ctx, sessions.MembersRequest{Guilds: []sessions.Snowflake{oddGuild}, Query: &query, Limit: 5, Nonce: "n"}); err != nil {
		t.Fatal(err)
	}
	r.event("GUILD_MEMBERS_CHUNK", 6)
	asked := e.Asked()
	if p := asked[0].(sessions.Presence); p.Status != sessions.Idle {
		t.Error(p)
	}
	for i, g := range []sessions.Snowflake{evenGuild, oddGuild} {
		if q := asked[i+1].(sessions.MembersRequest); !slices.Equal(q.Guilds, []sessions.Snowflake{g}) || *q.Query != "" || q.Limit != 0 {
			t.Errorf("%+v", q)
		}
	}
	if p := asked[3].(sessions.Presence); p.Status != sessions.DoNotDisturb || string(p.Activities) != `[{"name":"x"}]` {
		t.Error(p)
	}
	if q := asked[4].(sessions.MembersRequest); *q.Query != "us" || q.Limit != 5 || q.Nonce != "n" {
		t.Errorf("%+v", q)
	}
	if err := r.RequestMembers(ctx, sessions.MembersRequest{Guilds: make([]sessions.Snowflake, shard.DefaultMaxCommands+1)}); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Error(err)
	}
	long := strings.Repeat("x", 5000)
	if err := r.RequestMembers(ctx, sessions.MembersRequest{Guilds: []sessions.Snowflake{1}, Query: &long}); err == nil || !strings.Contains(err.Error(), "gateways take") {
		t.Error(err)
	}
	many := make([]sessions.Snowflake, 200)
	for i := range many {
		many[i] = evenGuild
	}
	if err := r.RequestMembers(ctx, sessions.MembersRequest{Guilds: many}); err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		r.event("GUILD_MEMBERS_CHUNK", uint64(n)+7)
	}
	eventually(t, "the rest waits", func() bool { n := r.metric("commands_waiting", ""); return n > 50 && n < 100 })
}

// A gateway that refuses a shard for good ends it, with an error that says what to do; so
// does its API.
func TestRefused(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	for _, c := range []struct {
		change func(*shard.Config)
		says   string
	}{
		{func(c *shard.Config) { c.Token = "wrong" }, "closed with 4004"},
		{func(c *shard.Config) { c.Intents = 1 << 40 }, "closed with 4013"},
		{func(c *shard.Config) { c.Token, c.Gateway, c.API = "wrong", "", e.http }, "does not take the token"},
	} {
		cfg := e.config()
		c.change(&cfg)
		s, err := shard.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Run(t.Context(), func(context.Context, source.Payload) error { return nil })
		if !errors.Is(err, shard.ErrRefused) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%v, want %s", err, c.says)
		}
	}
}

// What fails to be normalised, or panics, is delivered as it came, and counted; progress is
// told as far as payloads were handled, and once more in the end.
func TestNormaliseAndProgress(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	told := make(chan shard.Resume, 100)
	r := e.run(func(c *shard.Config) {
		c.OnProgress, c.ProgressEvery = func(_ context.Context, at shard.Resume) { told <- at }, time.Hour
		c.Normalise = func(name string, _ []byte) ([]byte, error) {
			switch name {
			case "READY":
				return nil, errors.New("not today")
			case "GUILD_CREATE":
				panic("never")
			}
			return []byte(`{"id":"4"}`), nil
		}
	})
	s := r.ready(e, 2)
	send(t, s, 1)
	r.texts(4, 1)
	if n := r.metric("failures_total", "normalise"); n != 3 {
		t.Errorf("%v failures", n)
	}
	if _, err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if at := <-told; at.Seq != 4 || at.Session != string(s.ID()) || len(told) > 0 {
		t.Errorf("%+v, and %d more", at, len(told))
	}
}

// A gateway that is somewhere else than the API said is found again, also if the API fails
// meanwhile.
func TestGatewayMoved(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	asked := atomic.Int32{}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			fmt.Fprint(w, `{"url":"ws://127.0.0.1:1"}`) // nobody is there
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			fmt.Fprint(w, `{"url":"nowhere"}`)
		default:
			fmt.Fprintf(w, `{"url":%q,"session_start_limit":{"total":10,"remaining":10}}`, e.url)
		}
	}))
	defer api.Close()
	r := e.run(func(c *shard.Config) { c.Gateway, c.API = "", api.URL })
	r.event("READY", 1)
	if n := r.metric("failures_total", "connect"); n != 3 {
		t.Errorf("%v failures", n)
	}
	r.stop()
	eventually(t, "it has ended", func() bool { return len(r.err) > 0 })
}

// Run ends with what deliver failed with, and has not handled that payload.
func TestDeliverFails(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	s, err := shard.New(e.config())
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err = s.Run(t.Context(), func(_ context.Context, p source.Payload) error {
		if p.Name == "GUILD_CREATE" {
			return broken
		}
		return nil
	})
	if at := s.Resume(); !errors.Is(err, broken) || at.Seq != 1 {
		t.Errorf("%v, %+v", err, at)
	}
}

// A Config that cannot work is refused, with what is wrong about it.
func TestConfig(t *testing.T) {
	good := shard.Config{Name: "n", Token: "t", Gateway: "ws://h"}
	if _, err := shard.New(good); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*shard.Config){
		"needs a Name":         func(c *shard.Config) { c.Name = "" },
		"needs a Gateway":      func(c *shard.Config) { c.Gateway = "" },
		"Gateway: ":            func(c *shard.Config) { c.Gateway = "http://h" },
		"API: ":                func(c *shard.Config) { c.API = "h" },
		"shard 2 of 2":         func(c *shard.Config) { c.Shard, c.Shards = 2, 2 },
		"no encoding":          func(c *shard.Config) { c.Encoding = "xml" },
		"no Compress":          func(c *shard.Config) { c.Compress = "gzip" },
		"zlib-payload goes":    func(c *shard.Config) { c.Encoding, c.Compress = "etf", "zlib-payload" },
		"MaxPayload is -1":     func(c *shard.Config) { c.MaxPayload = -1 },
		"ConnectTimeout is -1": func(c *shard.Config) { c.ConnectTimeout = -1 },
		"no status 9":          func(c *shard.Config) { c.Presence = &sessions.Presence{Status: 9} },
		"session to resume":    func(c *shard.Config) { c.Resume = shard.Resume{Session: "s", Source: "n", Shard: 0, Shards: 2} },
	} {
		cfg := good
		change(&cfg)
		if _, err := shard.New(cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
