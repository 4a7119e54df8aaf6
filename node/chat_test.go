package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// The people of these tests: the tokens are their names.
const (
	ann = 1001 // owns the guild
	ben = 1002
	bot = 1003

	guildID   = 7 << 22
	generalID = guildID + 1
	secretID  = guildID + 2
)

// chatDirectory is a guild with a channel for everybody and one for its owner.
func chatDirectory() []*eventnodev1.DirectoryChange {
	user := func(id uint64, name string, bot bool) *eventnodev1.DirectoryChange {
		return directory.PutUser(&eventnodev1.DirectoryUser{Id: id, Username: name, Bot: bot})
	}
	member := func(id uint64) *eventnodev1.DirectoryChange {
		return directory.PutMember(&eventnodev1.DirectoryMember{GuildId: guildID, UserId: id})
	}
	return []*eventnodev1.DirectoryChange{
		user(ann, "ann", false), user(ben, "ben", false), user(bot, "bot", true),
		directory.PutGuild(&eventnodev1.DirectoryGuild{Id: guildID, OwnerId: ann, Name: "the guild"}),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: generalID, GuildId: guildID, Name: "general"}),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: secretID, GuildId: guildID, Name: "secret", Overwrites: []*eventnodev1.DirectoryOverwrite{
			{Id: guildID, Kind: eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_ROLE, Deny: directory.ViewChannel},
		}}),
		member(ann), member(ben), member(bot), directory.PutFriendship(ann, ben),
	}
}

// chatNode is a node with a gateway.
type chatNode struct {
	*stoppable
	api eventnodev1.ChatServiceClient
	cfg node.Config
}

// chatNodes is so many nodes with a chat service, that know the directory.
func chatNodes(t testing.TB, n int) []*chatNode {
	t.Helper()
	return chatNodesWith(t, n, node.Chat{})
}

// chatNodesWith is chatNodes with more of the chat service's configuration.
func chatNodesWith(t testing.TB, n int, cfg node.Chat) []*chatNode {
	t.Helper()
	tokens := tokenFile(t)
	var nodes []*chatNode
	var seeds []string
	for i := range n {
		auth, err := gateway.NewTokenFile(tokens)
		if err != nil {
			t.Fatal(err)
		}
		cfg.GatewayAddress, cfg.Gateway = "127.0.0.1:0", gateway.Config{Authenticator: auth, Limits: gateway.Limits{IdentifyInterval: -1}}
		nodes = append(nodes, startChat(t, node.Config{
			ID: eventnode.NodeID(fmt.Sprintf("n%d", i+1)), DataDir: t.TempDir(), Seeds: seeds, Storage: node.Storage{BootstrapExpect: n}, Chat: cfg,
		}))
		seeds = []string{nodes[0].GossipAddress()}
	}
	wellStored(t, nodes[0].Node, n)
	nodes[0].change(t, chatDirectory()...)
	return nodes
}

func startChat(t testing.TB, cfg node.Config) *chatNode {
	t.Helper()
	n := &chatNode{stoppable: startStoppable(t, cfg), cfg: cfg}
	conn, err := grpc.NewClient(n.RPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	n.api = eventnodev1.NewChatServiceClient(conn)
	return n
}

// change changes the directory, on all nodes.
func (n *chatNode) change(t testing.TB, changes ...*eventnodev1.DirectoryChange) {
	t.Helper()
	eventually(t, "changed everywhere", func() bool {
		resp, err := n.api.Change(t.Context(), &eventnodev1.ChatServiceChangeRequest{Changes: changes})
		if err != nil {
			t.Log(err)
			return false
		}
		if len(resp.GetRefused()) > 0 {
			t.Fatal(resp.GetRefused())
		}
		return len(resp.GetMissing()) == 0
	})
}

// login opens a session.
func (n *chatNode) login(t testing.TB, token string) (*gatewaytest.Client, json.RawMessage) {
	t.Helper()
	c := n.connect(t)
	ready, err := c.Identify(waiting(t), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, ready
}

// connect connects, as soon as the gateway takes clients.
func (n *chatNode) connect(t testing.TB) (c *gatewaytest.Client) {
	t.Helper()
	eventually(t, "connected", func() bool {
		var err error
		c, err = gatewaytest.Dial(waiting(t), n.GatewayAddress())
		return err == nil
	})
	t.Cleanup(c.Cut)
	return c
}

func waiting(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// dispatch sends an event and says how many sessions were reached.
func (n *chatNode) dispatch(t testing.TB, topic, eventType, data string) uint64 {
	t.Helper()
	resp, err := n.api.Dispatch(t.Context(), &eventnodev1.ChatServiceDispatchRequest{Topics: []string{topic}, Type: eventType, Data: []byte(data)})
	if err != nil || len(resp.GetMissing()) > 0 {
		t.Fatalf("%s to %s: %v, missing %v", eventType, topic, err, resp.GetMissing())
	}
	return resp.GetReached()
}

// expect expects an event, and skips those that are not asked for.
func expect(t testing.TB, c *gatewaytest.Client, eventType, with string) gatewaytest.Payload {
	t.Helper()
	for {
		p, err := c.Next(waiting(t))
		if err != nil {
			t.Fatalf("waiting for %s: %v", eventType, err)
		}
		if p.Type == eventType && strings.Contains(string(p.Data), with) {
			return p
		}
	}
}

// Sessions on three nodes get what is dispatched on any of them, each what its user may
// read; a client that was cut off resumes on another node, and has missed nothing.
func TestChat(t *testing.T) {
	nodes := chatNodes(t, 3)
	a, _ := nodes[0].login(t, "ann")
	b, ready := nodes[1].login(t, "ben")
	if !strings.Contains(string(ready), `"the guild"`) || !strings.Contains(string(ready), `"general"`) || strings.Contains(string(ready), `"secret"`) {
		t.Fatalf("%s", ready)
	}
	expect(t, a, "PRESENCE_UPDATE", `"1002"`)
	if n := nodes[2].dispatch(t, fmt.Sprint("channel:", generalID), "MESSAGE_CREATE", `{"id":"1","guild_id":"1"}`); n != 2 {
		t.Fatalf("reached %d", n)
	}
	if n := nodes[1].dispatch(t, fmt.Sprint("channel:", secretID), "MESSAGE_CREATE", `{"id":"2"}`); n != 1 {
		t.Fatalf("the secret reached %d", n)
	}
	expect(t, a, "MESSAGE_CREATE", `"1"`)
	expect(t, a, "MESSAGE_CREATE", `"2"`)
	expect(t, b, "MESSAGE_CREATE", `"1"`)
	b.Cut()
	for i := range 300 {
		nodes[i%3].dispatch(t, fmt.Sprint("channel:", generalID), "MESSAGE_CREATE", fmt.Sprintf(`{"id":"%d"}`, 1000+i))
	}
	c := nodes[2].connect(t)
	missed, err := c.Resume(waiting(t), b)
	if err != nil || len(missed) != 300 {
		t.Fatalf("%d missed: %v", len(missed), err)
	}
	for i, p := range missed {
		if want := fmt.Sprintf(`{"id":"%d"}`, 1000+i); string(p.Data) != want || p.Seq != b.Seq+uint64(i)+1 {
			t.Fatalf("%d: %d %s, want %s", i, p.Seq, p.Data, want)
		}
	}
	if n := nodes[0].dispatch(t, fmt.Sprint("user:", ben), "USER_UPDATE", `{}`); n != 1 {
		t.Errorf("ben has %d sessions", n)
	}
	expect(t, c, "USER_UPDATE", "")
}

// A node that goes down hands its sessions over: its clients resume elsewhere.
func TestChatNodeStops(t *testing.T) { nodeStops(t, chatNodes(t, 3)) }

// So it is if there is a journal: a session goes with its generation.
func TestChatJournalNodeStops(t *testing.T) {
	nodeStops(t, chatNodesWith(t, 3, node.Chat{Journal: "sessions"}))
}

func nodeStops(t *testing.T, nodes []*chatNode) {
	a, _ := nodes[0].login(t, "ann")
	b, _ := nodes[1].login(t, "ben")
	expect(t, a, "PRESENCE_UPDATE", `"1002"`)
	stopped := make(chan struct{})
	go func() {
		nodes[1].stop()
		close(stopped)
	}()
	p, err := b.Next(waiting(t))
	for err == nil && p.Op != 7 {
		p, err = b.Next(waiting(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	<-stopped
	if on := nodes[0].sessionsOf(t, ben); len(on) != 1 || on[0] == "n2" {
		t.Fatal("his session is on", on)
	}
	nodes[0].dispatch(t, fmt.Sprint("channel:", generalID), "MESSAGE_CREATE", `{"id":"5"}`)
	c := nodes[2].connect(t)
	missed, err := c.Resume(waiting(t), b)
	if err != nil || len(missed) != 1 || !strings.Contains(string(missed[0].Data), `"5"`) {
		t.Fatalf("%v missed: %v", missed, err)
	}
	nodes[0].dispatch(t, fmt.Sprint("channel:", generalID), "MESSAGE_CREATE", `{"id":"6"}`)
	expect(t, c, "MESSAGE_CREATE", `"6"`)
}

// sessionsOf is where the sessions of a user are.
func (n *chatNode) sessionsOf(t *testing.T, user uint64) (on []string) {
	t.Helper()
	stream, err := n.api.ListSessions(t.Context(), &eventnodev1.ChatServiceListSessionsRequest{UserId: user})
	for err == nil {
		var r *eventnodev1.ChatServiceListSessionsResponse
		if r, err = stream.Recv(); err == nil {
			for _, s := range r.GetSessions() {
				on = append(on, s.GetNode())
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return on
}

// The directory is there again after all nodes were stopped, and before clients come.
func TestChatDirectoryOutlivesTheNodes(t *testing.T) {
	nodes := chatNodes(t, 3)
	var again []node.Config
	for _, n := range nodes {
		again = append(again, n.cfg)
		n.stop()
	}
	nodes = nil
	var seeds []string
	for _, cfg := range again {
		cfg.Seeds = seeds
		n := startChat(t, cfg)
		nodes = append(nodes, n)
		seeds = append(seeds, n.GossipAddress())
	}
	_, ready := nodes[2].login(t, "ben")
	if !strings.Contains(string(ready), `"general"`) {
		t.Errorf("%s", ready)
	}
}

// Who loses a role or his membership is sent nothing of what he may not read any more,
// whichever node it comes from; what he gained he is sent.
func TestChatNothingLeaks(t *testing.T) {
	nodes := chatNodes(t, 3)
	b, _ := nodes[1].login(t, "ben")
	for round := range 20 {
		n := nodes[round%3]
		open := &eventnodev1.DirectoryOverwrite{Id: ben, Kind: eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_MEMBER, Allow: directory.ViewChannel}
		closed := &eventnodev1.DirectoryOverwrite{Id: guildID, Kind: eventnodev1.DirectoryOverwriteKind_DIRECTORY_OVERWRITE_KIND_ROLE, Deny: directory.ViewChannel}
		secret := &eventnodev1.DirectoryChannel{Id: secretID, GuildId: guildID, Name: "secret", Overwrites: []*eventnodev1.DirectoryOverwrite{closed, open}}
		n.change(t, directory.PutChannel(secret))
		if got := nodes[(round+1)%3].dispatch(t, fmt.Sprint("channel:", secretID), "MESSAGE_CREATE", `{"id":"for ben"}`); got != 1 {
			t.Fatalf("round %d: it reached %d", round, got)
		}
		expect(t, b, "MESSAGE_CREATE", "for ben")
		secret = &eventnodev1.DirectoryChannel{Id: secretID, GuildId: guildID, Name: "secret", Overwrites: []*eventnodev1.DirectoryOverwrite{closed}}
		n.change(t, directory.PutChannel(secret))
		if got := n.dispatch(t, fmt.Sprint("channel:", secretID), "MESSAGE_CREATE", `{"id":"not for ben"}`); got != 0 {
			t.Fatalf("round %d: it leaked to %d", round, got)
		}
	}
}

// A node that does not know the directory says so, and sends clients away: it must not
// tell them that they are nobody.
func TestChatWaitsForTheDirectory(t *testing.T) {
	tokens := tokenFile(t)
	auth, err := gateway.NewTokenFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, node.Config{
		ID: "n1", DataDir: t.TempDir(), HTTPAddress: "127.0.0.1:0", Storage: node.Storage{BootstrapExpect: 3},
		Chat: node.Chat{GatewayAddress: "127.0.0.1:0", Gateway: gateway.Config{Authenticator: auth}},
	})
	if status, body := get(t, "http://"+n.HTTPAddress()+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "directory") {
		t.Errorf("%d %s", status, body)
	}
	if c, err := gatewaytest.Dial(waiting(t), n.GatewayAddress()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("%v, %v", c, err)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func tokenFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("ann 1001\nben 1002\nbot 1003 bot\ncleo 1004\ndan 1005\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
