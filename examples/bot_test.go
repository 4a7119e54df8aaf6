package examples

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/fleet"
)

const (
	botToken = "secret"
	botUser  = 1003
)

// botGuilds are a guild of each shard, of two; a channel's number is the next one.
var botGuilds = []uint64{8 << 22, 7 << 22}

// start starts a node until the end of the test.
func start(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	cfg.GossipAddress, cfg.RPCAddress = "127.0.0.1:0", "127.0.0.1:0"
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return n
}

// service is a chat service with a gateway, whose REST API is a script that notes what is
// said.
type service struct {
	t    *testing.T
	node *node.Node
	chat *node.ChatHandle
	api  *httptest.Server

	mu      sync.Mutex
	asked   int
	answers []string // channels
}

func startService(t *testing.T) *service {
	t.Helper()
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, fmt.Appendf(nil, "%s %d bot\n", botToken, botUser), 0o600); err != nil {
		t.Fatal(err)
	}
	auth, err := gateway.NewTokenFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, node: start(t, node.Config{
		ID: "service", Cluster: "service", DataDir: t.TempDir(),
		Chat: node.Chat{GatewayAddress: "127.0.0.1:0", Gateway: gateway.Config{Authenticator: auth, Limits: gateway.Limits{IdentifyInterval: -1}}},
	})}
	if s.chat, err = s.node.Chat(t.Context()); err != nil {
		t.Fatal(err)
	}
	changes := []*eventnodev1.DirectoryChange{
		directory.PutUser(&eventnodev1.DirectoryUser{Id: botUser, Username: "robot", Bot: true}),
	}
	for _, g := range botGuilds {
		changes = append(changes, directory.PutGuild(&eventnodev1.DirectoryGuild{Id: g, OwnerId: botUser, Name: "guild"}),
			directory.PutMember(&eventnodev1.DirectoryMember{GuildId: g, UserId: botUser}),
			directory.PutChannel(&eventnodev1.DirectoryChannel{Id: g + 1, GuildId: g, Name: "general"}))
	}
	s.eventually(func() error {
		_, err := s.chat.Change(t.Context(), changes...)
		return err
	})
	s.api = httptest.NewServer(http.HandlerFunc(s.post))
	t.Cleanup(s.api.Close)
	return s
}

// post answers the bot: every third request is to come again a little later.
func (s *service) post(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var said struct{ Content string }
	parts := strings.Split(r.URL.Path, "/")
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil || said.Content != "pong" || r.Method != http.MethodPost || len(parts) != 4 ||
		parts[1] != "channels" || parts[3] != "messages" || r.Header.Get("Authorization") != "Bot "+botToken {
		s.t.Errorf("%s %s: %v, %v", r.Method, r.URL, said, err)
	}
	w.Header().Set("Content-Type", "application/json")
	if s.asked++; s.asked%3 == 0 {
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"message":"slower","retry_after":0.01,"global":false}`)
		return
	}
	s.answers = append(s.answers, parts[2])
	fmt.Fprintf(w, `{"id":"1","channel_id":%q,"content":"pong"}`, parts[2])
}

// write has somebody write a message; each is in a channel of its own, to tell the answers.
func (s *service) write(n int, text string, bot bool) {
	s.t.Helper()
	guild := botGuilds[n%2]
	data := map[string]any{
		"id": fmt.Sprint(1_000_000 + n), "channel_id": fmt.Sprint(n), "guild_id": fmt.Sprint(guild), "content": text,
		"author": map[string]any{"id": "7", "username": "ann", "bot": bot},
	}
	got, err := s.chat.Dispatch(s.t.Context(), fmt.Sprint("channel:", guild+1), "MESSAGE_CREATE", data)
	if err != nil || got.Count != 1 {
		s.t.Fatalf("%+v, %v", got, err)
	}
}

// answered waits until each of these was answered.
func (s *service) answered(want []string) {
	s.t.Helper()
	s.eventually(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, channel := range want {
			if !slices.Contains(s.answers, channel) {
				return fmt.Errorf("%s is not answered: %q", channel, s.answers)
			}
		}
		return nil
	})
}

func (s *service) eventually(f func() error) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(timeout)
	for err := f(); err != nil; err = f() {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatal(err)
		}
	}
}

// startBot starts a copy of the bot, and waits until it listens.
func startBot(t *testing.T, s *service, at *node.Node) (end func(os.Signal)) {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(botToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, stderr := command(t, "bot", "--connect", at.RPCAddress(), "--source", "helper", "--api", s.api.URL, "--token-file", token)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	end = func(how os.Signal) {
		_ = cmd.Process.Signal(how)
		if err := cmd.Wait(); how == os.Interrupt && (err != nil || stderr.Len() > 0) {
			t.Errorf("the bot: %v: %s", err, stderr)
		}
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "listens to helper\n" {
		end(os.Kill)
		t.Fatalf("%q, %v: %s", line, err, stderr)
	}
	return end
}

// Each ping is answered once, by whichever of two copies of the bot, and nothing else is; also
// when the API has the bot try again, and by the other copy when one was killed.
func TestBot(t *testing.T) {
	s := startService(t)
	var seeds []string
	var cluster []*node.Node
	for i, data := range []string{t.TempDir(), ""} {
		n := start(t, node.Config{
			ID: eventnode.NodeID(fmt.Sprint("n", i+1)), Seeds: seeds, DataDir: data,
			Sources: []node.Source{{
				Shard:  shard.Config{Name: "helper", Token: botToken, Gateway: "ws://" + s.node.GatewayAddress(), Intents: 1<<0 | 1<<9 | 1<<15},
				Shards: fleet.All(2), Fleet: fleet.Config{IdentifyInterval: 50 * time.Millisecond},
			}},
		})
		seeds, cluster = []string{n.GossipAddress()}, append(cluster, n)
	}
	bot, err := cluster[0].Bot(t.Context(), "helper")
	if err != nil {
		t.Fatal(err)
	}
	s.eventually(func() error {
		list, err := bot.Fleet().List(t.Context())
		if err == nil && (len(list) != 2 || list[0].State != fleet.StateConnected || list[1].State != fleet.StateConnected) {
			err = fmt.Errorf("%+v", list)
		}
		return err
	})
	endOne := startBot(t, s, cluster[0])
	endTwo := startBot(t, s, cluster[1])

	const pings = 30
	var want []string
	round := func() {
		t.Helper()
		for range pings {
			n := len(want) + 1
			s.write(n, "!ping", false)
			s.write(10_000+n, "!pong, or !ping", false)
			s.write(20_000+n, "!ping", true) // of another bot
			want = append(want, fmt.Sprint(n))
		}
		s.answered(want)
	}
	round()
	endOne(os.Kill)
	round()
	endTwo(os.Interrupt) // it ends what it has in hand
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(s.answers)); !slices.Equal(got, want) {
		t.Errorf("answered %q, want %q", got, want)
	}
	if s.asked == len(want) {
		t.Error("nothing was to come again")
	}
}
