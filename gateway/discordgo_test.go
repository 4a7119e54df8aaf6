package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
)

// wire is a TCP proxy that can be cut, and leads to another place then.
type wire struct {
	t        testing.TB
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	target string
	conns  []net.Conn
}

func newWire(t testing.TB) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, listener: l}
	w.serving.Go(w.accept)
	t.Cleanup(func() {
		l.Close()
		w.cut()
		w.serving.Wait()
	})
	return w
}

func (w *wire) accept() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		out, err := net.Dial("tcp", w.target)
		if err != nil {
			w.t.Error(err)
			in.Close()
			w.mu.Unlock()
			continue
		}
		w.conns = append(w.conns, in, out)
		w.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			w.serving.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				pair[0].Close()
				pair[1].Close()
			})
		}
	}
}

func (w *wire) leadTo(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = strings.TrimPrefix(url, "ws://")
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}

// bot is a discordgo client, and the ids of what it received.
type bot struct {
	*discordgo.Session
	mu      sync.Mutex
	got     []string
	guilds  []string
	chunks  int
	resumes int
}

// newBot points discordgo at us: by its endpoint variables, all that it uses, for they are
// computed when it starts.
func newBot(t *testing.T, w *wire, shard, shards int) *bot {
	t.Helper()
	discordgo.EndpointDiscord = "http://" + w.listener.Addr().String() + "/"
	discordgo.EndpointAPI = discordgo.EndpointDiscord + "api/v" + discordgo.APIVersion + "/"
	discordgo.EndpointGateway = discordgo.EndpointAPI + "gateway"
	discordgo.EndpointGatewayBot = discordgo.EndpointGateway + "/bot"
	s, err := discordgo.New("Bot bob")
	if err != nil {
		t.Fatal(err)
	}
	b := &bot{Session: s}
	s.LogLevel = -1 // it logs each loss
	s.SyncEvents, s.ShardID, s.ShardCount = true, shard, shards
	s.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageCreate) { b.note(func() { b.got = append(b.got, m.ID) }) })
	s.AddHandler(func(_ *discordgo.Session, g *discordgo.GuildCreate) {
		b.note(func() { b.guilds = append(b.guilds, g.ID) })
	})
	s.AddHandler(func(*discordgo.Session, *discordgo.GuildMembersChunk) { b.note(func() { b.chunks++ }) })
	s.AddHandler(func(*discordgo.Session, *discordgo.Resumed) { b.note(func() { b.resumes++ }) })
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Lock()
		s.ShouldReconnectOnError = false // or it takes Close for a loss now and then
		s.Unlock()
		_ = s.Close()
		s.Client.CloseIdleConnections()
	})
	return b
}

func (b *bot) note(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *bot) has(f func() bool) func() bool {
	return func() (ok bool) {
		b.note(func() { ok = f() })
		return ok
	}
}

// discordgo v0.29, as it is, with its default of compressed messages: connects, receives, is
// cut off and resumes, is told to reconnect and resumes on another node: with nothing lost
// and nothing twice.
func TestDiscordgo(t *testing.T) {
	w := newWorld(t, sessions.Config{})
	public := newWire(t)
	tell := func(c *gateway.Config) { c.PublicURL = "ws://" + public.listener.Addr().String() }
	first, second := w.edge(tell), w.edge(tell)
	public.leadTo(first.url)
	b := newBot(t, public, 0, 1)
	eventually(t, "the guild is there", b.has(func() bool { return len(b.guilds) == 1 }))
	s := w.OfUser(bob)[0]
	sent := 0
	say := func(n int) {
		for range n {
			e, err := gatewaytest.Event("MESSAGE_CREATE", object{"id": fmt.Sprint(sent), "channel_id": "7", "content": "hello", "author": object{"id": "1002"}})
			if err == nil {
				_, err = s.Send(e)
			}
			if err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
	all := func(what string, resumes int) {
		t.Helper()
		eventually(t, what, b.has(func() bool { return len(b.got) >= sent && b.resumes >= resumes }))
	}
	say(50)
	all("events", 0)
	if err := b.UpdateGameStatus(0, "chess"); err != nil {
		t.Error(err)
	}
	if err := b.RequestGuildMembers(evenGuild.String(), "", 0, "", false); err != nil {
		t.Error(err)
	}
	eventually(t, "the members", b.has(func() bool { return b.chunks == 1 }))
	asked := w.Asked()
	if p, ok := asked[len(asked)-2].(sessions.Presence); !ok || !json.Valid(p.Activities) || !strings.Contains(string(p.Activities), "chess") {
		t.Errorf("%+v", asked)
	}

	say(5)
	public.cut()
	say(300)
	all("it resumes", 1)
	say(10)
	public.leadTo(second.url)
	if err := first.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	say(20)
	all("it resumes on another node", 2)
	b.note(func() {
		for i, id := range b.got {
			if id != fmt.Sprint(i) {
				t.Fatalf("number %d is %s", i, id)
			}
		}
	})
	if first.metric("closes_total", "4007") > 0 || len(w.OfUser(bob)) != 1 {
		t.Error("it was not one session")
	}
}

// Two shards of discordgo have each their guilds.
func TestDiscordgoShards(t *testing.T) {
	w := newWorld(t, sessions.Config{})
	public := newWire(t)
	e := w.edge(func(c *gateway.Config) { c.PublicURL = "ws://" + public.listener.Addr().String() })
	public.leadTo(e.url)
	for i := range 2 {
		b := newBot(t, public, i, 2)
		eventually(t, "READY", func() bool { return len(w.OfUser(bob)) == i+1 })
		if got := w.OfUser(bob)[i].Shard; got != (sessions.Shard{Index: uint32(i), Count: 2}) {
			t.Error(got)
		}
		eventually(t, "its guilds", b.has(func() bool { return len(b.guilds) == 1-i }))
	}
}
