package bot_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/bot"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

// The gateway's guilds: two, one of each shard.
const (
	owner    = 1001
	botUser  = 1003
	shards   = 2
	guilds   = 4
	channels = 100 // a guild's number and this is that of its channel
)

func guildID(i int) uint64 { return uint64(i+1) << 22 }

// chatGateway is a node with a chat service, whose gateway is the source.
type chatGateway struct {
	t    *testing.T
	node *node.Node
	api  *node.ChatHandle
}

func startGateway(t *testing.T, keeps sessions.Config) *chatGateway {
	t.Helper()
	auth := tokens(t, fmt.Sprintf("secret %d bot\n", botUser))
	n, err := node.New(node.Config{
		ID: "gateway", Cluster: "chat", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", DataDir: t.TempDir(), Storage: node.Storage{BootstrapExpect: 1},
		Chat: node.Chat{GatewayAddress: "127.0.0.1:0", Sessions: keeps, Gateway: gateway.Config{Authenticator: auth, Limits: gateway.Limits{IdentifyInterval: -1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(background(func(ctx context.Context) { _ = n.Run(ctx) }))
	<-n.Ready()
	g := &chatGateway{t: t, node: n}
	if g.api, err = n.Chat(t.Context()); err != nil {
		t.Fatal(err)
	}
	changes := []*eventnodev1.DirectoryChange{
		directory.PutUser(&eventnodev1.DirectoryUser{Id: owner, Username: "ann"}),
		directory.PutUser(&eventnodev1.DirectoryUser{Id: botUser, Username: "helper", Bot: true}),
	}
	for i := range guilds {
		changes = append(changes,
			directory.PutGuild(&eventnodev1.DirectoryGuild{Id: guildID(i), OwnerId: owner, Name: fmt.Sprint("guild ", i)}),
			directory.PutChannel(&eventnodev1.DirectoryChannel{Id: guildID(i) + channels, GuildId: guildID(i), Name: "general"}),
			directory.PutMember(&eventnodev1.DirectoryMember{GuildId: guildID(i), UserId: owner}),
			directory.PutMember(&eventnodev1.DirectoryMember{GuildId: guildID(i), UserId: botUser}))
	}
	eventually(t, "the directory is there", func() error {
		done, err := g.api.Change(t.Context(), changes...)
		if err == nil && len(done.Refused) > 0 {
			t.Fatal(done.Refused)
		}
		return err
	})
	return g
}

// tokens is a gateway's token file.
func tokens(t *testing.T, text string) *gateway.TokenFile {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	auth, err := gateway.NewTokenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// say dispatches an event of a guild.
func (g *chatGateway) say(i int, eventType string, data map[string]any) {
	g.t.Helper()
	data["guild_id"] = strconv.FormatUint(guildID(i), 10)
	if _, err := g.api.Dispatch(g.t.Context(), fmt.Sprint("guild:", guildID(i)), eventType, data); err != nil {
		g.t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	end := time.Now().Add(30 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// background runs something until the function is called that it returns.
func background(run func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	return func() { cancel(); <-ended }
}

// machine is the network of a node on a machine that can be killed.
type machine struct{ host *memnet.Host }

func (m machine) Listen(address string) (net.Listener, error) { return m.host.Listen(portIn(address)) }
func (m machine) Dial(ctx context.Context, address string) (net.Conn, error) {
	return m.host.Dial(ctx, address)
}
func (m machine) Gossip(address string) (memberlist.Transport, error) {
	return m.host.Transport(portIn(address))
}

func portIn(address string) int {
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return n
}

func hostOf(i int) string { return fmt.Sprintf("10.0.0.%d", i+1) }

// world is three nodes that have a bot.
type world struct {
	worldConfig
	t     *testing.T
	net   *memnet.Network
	from  *chatGateway
	cfgs  []node.Config
	nodes []*botNode
}

// botNode is a life of a node.
type botNode struct {
	*bot.Bot
	node  *node.Node
	conns *conns
	stop  func() // in good order
}

// conns are a node's connections to the gateway, which end with it.
type conns struct {
	mu   sync.Mutex
	all  []net.Conn
	dead bool
}

func (c *conns) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	c.all = append(c.all, conn)
	return conn, nil
}

func (c *conns) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	for _, conn := range c.all {
		_ = conn.Close()
	}
}

// worldConfig is what may be otherwise.
type worldConfig struct {
	intents  uint64
	handlers func(node int) *source.Handlers // nil: none
	keeps    sessions.Config                 // of the gateway
	ttl      time.Duration                   // of leases; defaults to 4 s
	chat     func() node.Chat                // of the nodes, which feed its directory; nil: they have none
}

func newWorld(t *testing.T) *world {
	return newWorldOf(t, worldConfig{intents: 1<<0 | 1<<8 | 1<<9 | 1<<15, handlers: func(int) *source.Handlers { return nil }})
}

func newWorldOf(t *testing.T, cfg worldConfig) *world {
	w := &world{worldConfig: cfg, t: t, net: memnet.New(memnet.Config{Seed: rand.Uint64()}), from: startGateway(t, cfg.keeps), nodes: make([]*botNode, 3)}
	for i := range 3 {
		w.net.Host(hostOf(i)) // that refuses, instead of nobody who lets wait
		w.cfgs = append(w.cfgs, node.Config{
			ID: eventnode.NodeID(fmt.Sprint("n", i+1)), GossipAddress: hostOf(i) + ":7400", RPCAddress: hostOf(i) + ":7401",
			Seeds: []string{hostOf(0) + ":7400", hostOf(1) + ":7400"}, DataDir: t.TempDir(), Storage: node.Storage{BootstrapExpect: 3},
		})
	}
	// After the first TempDir, so that directories go last.
	t.Cleanup(w.net.Close)
	t.Cleanup(func() {
		var ending sync.WaitGroup
		for _, n := range w.nodes {
			if n == nil {
				continue
			}
			ending.Go(n.stop)
		}
		ending.Wait()
	})
	for i := range 3 {
		w.start(i)
	}
	return w
}

// start starts a node with its part of the bot.
func (w *world) start(i int) {
	w.t.Helper()
	made := &botNode{conns: &conns{}}
	cfg := w.cfgs[i]
	cfg.Network = machine{w.net.Host(hostOf(i))}
	cfg.Sources = []node.Source{{
		Shard:    shard.Config{Name: "helper", Token: "secret", Gateway: "ws://" + w.from.node.GatewayAddress(), Intents: w.intents, Dial: made.conns.dial, Presence: &sessions.Presence{Status: sessions.Invisible}},
		Handlers: w.handlers(i),
		Shards:   fleet.All(shards),
		Fleet:    fleet.Config{Every: 100 * time.Millisecond, TTL: cmp.Or(w.ttl, 4*time.Second), Settle: 200 * time.Millisecond, IdentifyInterval: 50 * time.Millisecond},
	}}
	if w.chat != nil {
		cfg.Chat, cfg.Sources[0].Directory = w.chat(), true
	}
	var err error
	if made.node, err = node.New(cfg); err != nil {
		w.t.Fatal(err)
	}
	made.stop = background(func(ctx context.Context) { _ = made.node.Run(ctx) }) // one that was killed may say anything
	w.nodes[i] = made
	if made.Bot, err = made.node.Bot(w.t.Context(), "helper"); err != nil {
		w.t.Fatal(err)
	}
}

var errStillMissing = errors.New("not all yet")

// stranger starts a node of the cluster that has no bot, and waits until it has heard who has.
func (w *world) stranger() *node.Node {
	w.t.Helper()
	cfg := node.Config{
		ID: "n9", GossipAddress: hostOf(8) + ":7400", RPCAddress: hostOf(8) + ":7401", Seeds: w.cfgs[0].Seeds, Network: machine{w.net.Host(hostOf(8))},
	}
	n, err := node.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(background(func(ctx context.Context) { _ = n.Run(ctx) }))
	<-n.Ready()
	eventually(w.t, "it has heard who runs the source", func() error {
		if runners, err := fleet.Runners(w.t.Context(), n, "helper"); err != nil || len(runners) < len(w.nodes) {
			return fmt.Errorf("of %d nodes it knows %v: %w", len(w.nodes), runners, errStillMissing)
		}
		return nil
	})
	return n
}

// client is a client of a node.
func (w *world) client(n *node.Node) *client.Client {
	w.t.Helper()
	c, err := client.Dial(w.t.Context(), []string{n.RPCAddress()}, client.WithDialer(func(ctx context.Context, address string) (net.Conn, error) {
		return w.net.Host("10.255.0.1").Dial(ctx, address)
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// stop stops a node in good order.
func (w *world) stop(i int) {
	w.nodes[i].stop()
	w.nodes[i].conns.kill()
}

// kill has a node's machine die: neither others nor the gateway hear of it any more. What is
// left of it here ends beside the test.
func (w *world) kill(i int) {
	n := w.nodes[i]
	w.net.Crash(hostOf(i))
	n.conns.kill()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.stop()
	}()
	w.t.Cleanup(func() { <-ended })
}

// at is a node by its name; nil: it cannot be reached.
func (w *world) at(name eventnode.NodeID) *botNode {
	for _, n := range w.nodes {
		if n.node.Self().ID == name && !n.conns.dead {
			return n
		}
	}
	return nil
}

// where is which node has a shard connected.
func (w *world) where(index int) (at int) {
	w.t.Helper()
	eventually(w.t, fmt.Sprint("shard ", index, " is connected"), func() error {
		for i, n := range w.nodes {
			if n.conns.dead {
				continue
			}
			list, err := n.Fleet().List(w.t.Context())
			if err != nil {
				return err
			}
			for at = range w.nodes {
				if s := list[index]; s.State == fleet.StateConnected && w.cfgs[at].ID == s.Node && w.at(s.Node) != nil {
					return nil
				}
			}
			return fmt.Errorf("node %d: %+v", i, list)
		}
		return nil
	})
	return at
}

// dialer reaches the nodes.
func (w *world) dialer() grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		return w.net.Host("10.255.0.1").Dial(ctx, address)
	})
}

// nameOf is the name in an object.
func nameOf(t *testing.T, data []byte) string {
	t.Helper()
	var named struct{ Name string }
	if err := json.Unmarshal(data, &named); err != nil {
		t.Fatal(err)
	}
	return named.Name
}
