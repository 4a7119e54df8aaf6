package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/bwmarrin/discordgo"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
	"github.com/eventnode/eventnode/test/wire"
)

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
func newBot(t *testing.T, w *wire.Wire, shard, shards int) *bot {
	t.Helper()
	discordgo.EndpointDiscord = "http://" + w.Address() + "/"
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
	public := wire.New(t)
	tell := func(c *gateway.Config) { c.PublicURL = "ws://" + public.Address() }
	first, second := w.edge(tell), w.edge(tell)
	public.LeadTo(strings.TrimPrefix(first.url, "ws://"))
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
	public.Cut()
	say(300)
	all("it resumes", 1)
	say(10)
	public.LeadTo(strings.TrimPrefix(second.url, "ws://"))
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
	public := wire.New(t)
	e := w.edge(func(c *gateway.Config) { c.PublicURL = "ws://" + public.Address() })
	public.LeadTo(strings.TrimPrefix(e.url, "ws://"))
	for i := range 2 {
		b := newBot(t, public, i, 2)
		eventually(t, "READY", func() bool { return len(w.OfUser(bob)) == i+1 })
		if got := w.OfUser(bob)[i].Shard; got != (sessions.Shard{Index: uint32(i), Count: 2}) {
			t.Error(got)
		}
		eventually(t, "its guilds", b.has(func() bool { return len(b.guilds) == 1-i }))
	}
}
