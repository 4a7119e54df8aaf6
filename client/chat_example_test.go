package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// chatNode is a client of a node with a chat service and a gateway, where ada (1) and
// grace (2) have tokens, for an example. online opens a session with a token.
func chatNode() (ctx context.Context, c *client.Client, online func(token string), stop func()) {
	dir, err := os.MkdirTemp("", "eventnode")
	if err != nil {
		fatal(err)
	}
	file := filepath.Join(dir, "tokens")
	if err := os.WriteFile(file, []byte("ada 1\ngrace 2\n"), 0o600); err != nil {
		fatal(err)
	}
	tokens, err := gateway.NewTokenFile(file)
	if err != nil {
		fatal(err)
	}
	n, err := node.New(node.Config{
		ID: "n1", DataDir: dir, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0",
		Chat: node.Chat{GatewayAddress: "127.0.0.1:0", Gateway: gateway.Config{Authenticator: tokens}},
	})
	if err != nil {
		fatal(err)
	}
	run, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(run) }()
	<-n.Ready()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	if c, err = client.Dial(ctx, []string{n.RPCAddress()}); err != nil {
		fatal(err)
	}
	return ctx, c, func(token string) { login(ctx, n.GatewayAddress(), token) }, func() {
		cancel()
		_ = c.Close()
		end()
		<-ended
		_ = os.RemoveAll(dir)
	}
}

// login opens a session, which outlives its connection, as soon as the gateway takes
// clients.
func login(ctx context.Context, gateway, token string) {
	c, err := gatewaytest.Dial(ctx, gateway)
	for ; err != nil && ctx.Err() == nil; c, err = gatewaytest.Dial(ctx, gateway) {
		time.Sleep(10 * time.Millisecond)
	}
	if err == nil {
		_, err = c.Identify(ctx, token, nil)
		c.Cut()
	}
	if err != nil {
		fatal(err)
	}
}

// smallGuild is a guild with a channel, and its two members.
func smallGuild() []*eventnodev1.DirectoryChange {
	user := func(id uint64, name string) *eventnodev1.DirectoryChange {
		return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutUser{PutUser: &eventnodev1.DirectoryUser{Id: id, Username: name}}}
	}
	member := func(id uint64) *eventnodev1.DirectoryChange {
		return &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutMember{PutMember: &eventnodev1.DirectoryMember{GuildId: 42, UserId: id}}}
	}
	return []*eventnodev1.DirectoryChange{
		user(1, "ada"), user(2, "grace"),
		{Change: &eventnodev1.DirectoryChange_PutGuild{PutGuild: &eventnodev1.DirectoryGuild{Id: 42, OwnerId: 1, Name: "engines"}}},
		{Change: &eventnodev1.DirectoryChange_PutChannel{PutChannel: &eventnodev1.DirectoryChannel{Id: 43, GuildId: 42, Name: "general"}}},
		member(1), member(2),
	}
}

func ExampleClient_Chat() {
	ctx, c, online, stop := chatNode()
	defer stop()
	chat := c.Chat()

	// Who is where. Each change succeeds or fails by itself.
	nobody := &eventnodev1.DirectoryMember{GuildId: 42, UserId: 7}
	changes := append(smallGuild(), &eventnodev1.DirectoryChange{Change: &eventnodev1.DirectoryChange_PutMember{PutMember: nobody}})
	changed, err := chat.Change(ctx, changes...)
	if err != nil {
		fatal(err)
	}
	for _, r := range changed.Refused {
		fmt.Println("refused:", r.Index, errors.Is(r.Err, eventnode.ErrUnknownUser))
	}

	online("ada")
	online("grace")
	guild := map[string]string{"id": "42", "name": "engines"}
	r, err := chat.Dispatch(ctx, "guild:42", "GUILD_UPDATE", guild)
	fmt.Println("the guild:", r.Count, err)
	r, err = chat.Dispatch(ctx, "channel:43", "MESSAGE_CREATE", guild, eventnode.WithExceptUsers(1))
	fmt.Println("the channel, but not ada:", r.Count, err)

	for s, err := range chat.Sessions(ctx, eventnode.ChatSessionFilter{Guild: 42}) {
		if err != nil {
			fatal(err)
		}
		fmt.Println("user", s.User, "subscribes to", s.Topics, "topics")
	}
	_, err = chat.Unsubscribe(ctx, []eventnode.ChatSubscriber{{User: 2}}, "channel:43")
	if err != nil {
		fatal(err)
	}
	r, err = chat.Dispatch(ctx, "channel:43", "MESSAGE_CREATE", guild)
	fmt.Println("the channel, without grace:", r.Count, err)
	// Output:
	// refused: 6 true
	// the guild: 2 <nil>
	// the channel, but not ada: 1 <nil>
	// user 1 subscribes to 2 topics
	// user 2 subscribes to 2 topics
	// the channel, without grace: 1 <nil>
}

func ExampleClient_Chat_once() {
	ctx, c, online, stop := chatNode()
	defer stop()
	chat := c.Chat()
	if _, err := chat.Change(ctx, smallGuild()...); err != nil {
		fatal(err)
	}
	online("ada")
	online("grace")

	// Ada is told all of herself; who shares a guild with her, what is public.
	once := eventnode.NewChatOnce(chat)
	private, err := once.Dispatch(ctx, "user:1", "USER_UPDATE", map[string]string{"username": "ada", "email": "ada@example.com"})
	if err != nil {
		fatal(err)
	}
	public, err := once.DispatchMany(ctx, []string{"guild:42", "friend:1"}, "USER_UPDATE", map[string]string{"username": "ada"})
	fmt.Println(private.Count, public.Count, err)
	// Output:
	// 1 1 <nil>
}
