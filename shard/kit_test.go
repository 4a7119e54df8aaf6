package shard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

const (
	bot       = sessions.Snowflake(1001)
	evenGuild = sessions.Snowflake(4 << 22)
	oddGuild  = sessions.Snowflake(5 << 22)
)

// edge is a gateway of ours that runs, over a chat service in memory.
type edge struct {
	*gatewaytest.Backend
	t     testing.TB
	http  string // http://host:port
	url   string // ws://host:port
	dials *cutter
}

func newEdge(t testing.TB, cfg sessions.Config, change func(*gateway.Config)) *edge {
	t.Helper()
	b, err := gatewaytest.New(cfg, map[sessions.Snowflake][]sessions.Snowflake{bot: {evenGuild, oddGuild}})
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{Backend: b, t: t, dials: &cutter{}}
	e.open(change)
	return e
}

// open opens a gateway on the same chat service.
func (e *edge) open(change func(*gateway.Config)) {
	e.t.Helper()
	c := gateway.Config{
		Backend: e.Backend, Authenticator: gatewaytest.Tokens{"secret": {User: bot, Bot: true}},
		Limits: gateway.Limits{IdentifyInterval: -1, Sessions: -1},
	}
	if change != nil {
		change(&c)
	}
	g, err := gateway.New(c)
	if err != nil {
		e.t.Fatal(err)
	}
	srv := httptest.NewServer(g.Handler())
	e.http, e.url = srv.URL, "ws"+strings.TrimPrefix(srv.URL, "http")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	<-g.Ready()
	e.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			e.t.Error(err)
		}
		srv.Close()
	})
}

// cutter dials, and cuts what it dialled.
type cutter struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (c *cutter) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		c.mu.Lock()
		c.conns = append(c.conns, conn)
		c.mu.Unlock()
	}
	return conn, err
}

// cut ends all connections without a word, and says how many there were.
func (c *cutter) cut() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.conns)
	for _, conn := range c.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	c.conns = nil
	return n
}

// running is a shard that runs, and what it delivered.
type running struct {
	*shard.Shard
	t        testing.TB
	got      chan source.Payload
	registry *prometheus.Registry
	log      *safeBuffer
	err      chan error
	stop     context.CancelFunc
}

func (e *edge) config() shard.Config {
	return shard.Config{
		Name: "chat", Token: "Bot secret", Gateway: e.url, Intents: 1<<16 - 1, Dial: e.dials.Dial,
		MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// run runs a shard which delivers to a channel.
func (e *edge) run(change func(*shard.Config)) *running {
	e.t.Helper()
	r := &running{t: e.t, got: make(chan source.Payload), registry: prometheus.NewRegistry(), log: &safeBuffer{}, err: make(chan error, 1)}
	cfg := e.config()
	cfg.Registerer, cfg.Logger = r.registry, slog.New(slog.NewTextHandler(r.log, nil))
	if change != nil {
		change(&cfg)
	}
	s, err := shard.New(cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	r.Shard = s
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() {
		r.err <- s.Run(ctx, func(ctx context.Context, p source.Payload) error {
			select {
			case r.got <- p:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	e.t.Cleanup(func() {
		cancel()
		select {
		case err := <-r.err:
			if err != nil {
				e.t.Error(err)
			}
		case <-time.After(patience):
			e.t.Error("the shard does not end")
		}
	})
	return r
}

// next is the next payload.
func (r *running) next() source.Payload {
	r.t.Helper()
	select {
	case p := <-r.got:
		return p
	case err := <-r.err:
		r.err <- nil
		r.t.Fatal("the shard has ended: ", err, r.log)
	case <-time.After(patience):
		r.t.Fatal("nothing comes: ", r.log)
	}
	return source.Payload{}
}

// event expects an event.
func (r *running) event(name string, seq uint64) source.Payload {
	r.t.Helper()
	p := r.next()
	if p.Name != name || p.Origin.Seq != seq {
		r.t.Fatalf("got %s %d %.200s, want %s %d", p.Name, p.Origin.Seq, p.Data, name, seq)
	}
	return p
}

// ready expects a new session with so many guilds.
func (r *running) ready(e *edge, guilds int) *sessions.Session {
	r.t.Helper()
	p := r.event("READY", 1)
	for n := range guilds {
		r.event("GUILD_CREATE", uint64(n)+2)
	}
	s, err := e.Session(sessions.ID(p.Origin.Session))
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// texts expects so many events of send, from a number on.
func (r *running) texts(first uint64, n int) {
	r.t.Helper()
	for i := range uint64(n) {
		p := r.event("MESSAGE_CREATE", first+i)
		var d struct{ ID sessions.Snowflake }
		if err := json.Unmarshal(p.Data, &d); err != nil || uint64(d.ID) != first+i {
			r.t.Fatalf("%v: %s is not that of %d", err, p.Data, first+i)
		}
	}
}

// send sends events to a session, whose ids are their numbers.
func send(t testing.TB, s *sessions.Session, n int) {
	t.Helper()
	for range n {
		ev, err := gatewaytest.Event("MESSAGE_CREATE", map[string]any{"id": fmt.Sprint(s.Seq() + 1), "content": "hello, hello"})
		if err == nil {
			_, err = s.Send(ev)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// metric is the sum of a metric, over a label's value if there is one.
func (r *running) metric(name, label string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "eventnode_shard_"+name && (label == "" && l.GetName() == "source" || l.GetValue() == label) {
					sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return sum
}

// eventually waits for what must come true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time: ", what)
		}
	}
}

// safeBuffer is written by several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
