package cluster_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/test/wire"
)

// bot is discordgo, as it is, and what it has told.
type bot struct {
	session *discordgo.Session

	mu      sync.Mutex
	got     []string // messages
	guilds  []string // by READY and GUILD_CREATE
	readies []int    // how many messages it had at each READY
	resumes int
	foreign []string // messages of guilds that are not its shard's
}

// startBots starts the nodes behind a wire, which the gateways say is where they are, and
// points discordgo there: by its endpoint variables, which it has computed when it started.
func startBots(t *testing.T, args ...string) (*chatWorld, *wire.Wire) {
	t.Helper()
	public := wire.New(t)
	w := startChat(t, append(args, "--gateway-url", "ws://"+public.Address(), "--gateway-identify-interval", "0")...)
	w.connect("n1").Cut() // it takes clients
	public.LeadTo(w.Node("n1").GatewayAddress())
	discordgo.EndpointDiscord = "http://" + public.Address() + "/"
	discordgo.EndpointAPI = discordgo.EndpointDiscord + "api/v" + discordgo.APIVersion + "/"
	discordgo.EndpointGateway = discordgo.EndpointAPI + "gateway"
	discordgo.EndpointGatewayBot = discordgo.EndpointGateway + "/bot"
	return w, public
}

func newBot(t *testing.T, shard, shards int) *bot {
	t.Helper()
	s, err := discordgo.New("Bot robot")
	if err != nil {
		t.Fatal(err)
	}
	b := &bot{session: s}
	s.LogLevel = -1     // it logs each loss
	s.SyncEvents = true // or its handlers race
	s.ShardID, s.ShardCount = shard, shards
	s.AddHandler(func(_ *discordgo.Session, _ *discordgo.Ready) {
		b.note(func() { b.readies = append(b.readies, len(b.got)) })
	})
	s.AddHandler(func(_ *discordgo.Session, g *discordgo.GuildCreate) {
		b.note(func() { b.guilds = append(b.guilds, g.ID) })
	})
	s.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageCreate) {
		b.note(func() {
			if b.got = append(b.got, m.ID); !slices.Contains(b.guilds, m.GuildID) {
				b.foreign = append(b.foreign, m.ID)
			}
		})
	})
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

// sees waits until something holds of what a bot has told: longer than it waits itself, each
// time twice as long, before it connects again.
func (w *chatWorld) sees(what string, b *bot, holds func() bool) {
	w.t.Helper()
	w.Eventually(90*time.Second, func() (err error) {
		b.note(func() {
			if !holds() {
				err = fmt.Errorf("%s: %d messages, READY at %v, %d resumes, guilds %v", what, len(b.got), b.readies, b.resumes, b.guilds)
			}
		})
		return err
	})
}

// speaker dispatches messages with numbers to a guild, in order, one from each client by turns.
type speaker struct {
	w              *chatWorld
	guild, channel uint64
	from           []*client.Chat
	said           []string
}

func (w *chatWorld) speaker(guild, channel uint64, nodes ...string) *speaker {
	s := &speaker{w: w, guild: guild, channel: channel}
	for _, n := range nodes {
		s.from = append(s.from, w.Node(n).Client().Chat())
	}
	return s
}

// say says so many more.
func (s *speaker) say(n int) {
	s.w.t.Helper()
	for range n {
		id := fmt.Sprint(s.guild + uint64(len(s.said)))
		_, err := s.from[len(s.said)%len(s.from)].Dispatch(s.w.soon(), fmt.Sprint("channel:", s.channel), "MESSAGE_CREATE", map[string]any{
			"id": id, "channel_id": fmt.Sprint(s.channel), "guild_id": fmt.Sprint(s.guild), "content": "hello", "author": map[string]string{"id": fmt.Sprint(ann)},
		})
		if err != nil {
			s.w.t.Fatal(err)
		}
		s.said = append(s.said, id)
	}
}

// has tests that a bot was told all of it, in order and once.
func (s *speaker) has(b *bot, what string, resumes int) {
	s.w.t.Helper()
	s.w.sees(what, b, func() bool { return len(b.got) >= len(s.said) && b.resumes >= resumes })
	b.note(func() {
		if !slices.Equal(b.got, s.said) || len(b.foreign) > 0 {
			s.w.t.Fatalf("%s: it has %v, of others %v, want %v", what, b.got, b.foreign, s.said)
		}
	})
}

// discordgo v0.29, as it is, on nodes that are processes: it connects, receives what any of
// them dispatches, and is cut off again and again: it closes with 1000 then, and resumes, with
// nothing lost and nothing twice. Its node is killed: it is told that its session is gone,
// identifies anew on another node, and has from then on each event once.
func TestChatDiscordgo(t *testing.T) {
	w, public := startBots(t)
	b := newBot(t, 0, 1)
	w.sees("its guilds", b, func() bool { return len(b.guilds) == 2 })
	all := w.speaker(chatGuild, chatChannel, "n1", "n2", "n3")
	all.say(20)
	all.has(b, "events", 0)
	for i, node := range []string{"n1", "n2"} {
		all.say(5)
		public.LeadTo(w.Node(node).GatewayAddress())
		public.Cut()
		all.say(200)
		all.has(b, "it resumes on "+node, i+1)
	}

	rest := w.speaker(chatGuild, chatChannel, "n1", "n3")
	rest.said = all.said
	public.LeadTo(w.Node("n3").GatewayAddress())
	w.Kill("n2")
	w.sees("a new session", b, func() bool { return len(b.readies) == 2 && len(b.guilds) == 4 })
	rest.say(50)
	rest.has(b, "after the kill", 2)
}

// With a journal discordgo resumes on another node when its own is killed, while events come,
// with nothing lost and nothing twice: it does not notice.
func TestChatDiscordgoJournal(t *testing.T) {
	w, public := startBots(t, "--session-journal", "sessions")
	b := newBot(t, 0, 1)
	w.sees("its guilds", b, func() bool { return len(b.guilds) == 2 })
	all := w.speaker(chatGuild, chatChannel, "n2", "n3")
	all.say(20)
	all.has(b, "events", 0)
	public.LeadTo(w.Node("n3").GatewayAddress())
	w.Kill("n1")
	all.say(200)
	all.has(b, "it resumes", 1)
	if len(b.readies) != 1 {
		t.Errorf("READY at %v", b.readies)
	}
}

// Two shards of discordgo have each their own guild's events, once and in order, also when
// both are cut off, and after their node was killed.
func TestChatDiscordgoShards(t *testing.T) {
	w, public := startBots(t)
	bots := []*bot{newBot(t, 0, 2), newBot(t, 1, 2)}
	speakers := []*speaker{w.speaker(robotGuild, robotChannel, "n1", "n3"), w.speaker(chatGuild, chatChannel, "n1", "n3")}
	say := func(what string, resumes int) {
		t.Helper()
		for _, s := range speakers {
			s.say(30)
		}
		for i, s := range speakers {
			s.has(bots[i], fmt.Sprintf("shard %d: %s", i, what), resumes)
		}
	}
	say("events", 0)
	public.LeadTo(w.Node("n2").GatewayAddress())
	public.Cut()
	say("they resume", 1)
	public.LeadTo(w.Node("n3").GatewayAddress())
	w.Kill("n2")
	for _, b := range bots {
		w.sees("a new session", b, func() bool { return len(b.readies) == 2 && len(b.guilds) == 2 })
	}
	say("after the kill", 1)
}
