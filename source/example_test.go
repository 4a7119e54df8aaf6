package source_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/source"
	"github.com/eventnode/eventnode/source/sourcetest"
)

// A pipeline hands what a source says to handlers, by its name, with its data as their
// type.
func ExamplePipeline() {
	type message struct{ Content string }
	h, _ := source.NewHandlers(source.HandlersConfig{Mode: source.Sequential})
	_ = source.On(h, "MESSAGE_CREATE", func(_ context.Context, m message, e source.Event) error {
		fmt.Println(e.Origin.Source, "says", m.Content)
		return nil
	})
	bot := sourcetest.NewMemory("bot")
	p, err := source.New(source.Config{Source: bot, Handlers: h})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		_ = bot.Say(context.Background(), source.Payload{Name: "MESSAGE_CREATE", Data: json.RawMessage(`{"content":"hello"}`)})
		_ = bot.Say(context.Background(), source.Payload{Name: "TYPING_START"}) // nobody cares
		bot.End(nil)
	}()
	fmt.Println(p.Run(context.Background()))
	// Output:
	// bot says hello
	// <nil>
}

// Events of one guild are handled in their order, those of several beside each other.
func ExampleHandlers_orderedByKey() {
	h, _ := source.NewHandlers(source.HandlersConfig{
		Mode: source.OrderedByKey,
		Key: func(e source.Event) string {
			var of struct {
				Guild string `json:"guild_id"`
			}
			_ = json.Unmarshal(e.Data, &of) // without a guild it waits for nobody
			return of.Guild
		},
	})
	var l log
	_ = h.OnEvent("N", func(_ context.Context, e source.Event) error { l.add(string(e.Data)); return nil })
	_ = h.Run(context.Background(), values("N", `{"guild_id":"1","n":1}`, `{"guild_id":"1","n":2}`, `{"guild_id":"1","n":3}`))
	for _, line := range l.all() {
		fmt.Println(line)
	}
	// Output:
	// {"guild_id":"1","n":1}
	// {"guild_id":"1","n":2}
	// {"guild_id":"1","n":3}
}

// A consumer on any node, embedded or by a client, joins the group of a source.
func ExampleConsumerGroup() {
	live, end := oneNode()
	defer end()
	ctx := context.Background()
	bot, _ := source.NewConsumerGroup(live, "bot")
	defer func() { _ = bot.Close(ctx) }()
	c, err := bot.NewConsumer(ctx, eventnode.WithPolicy(eventnode.PolicyBlock))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()
	fmt.Println(bot.Join(ctx, c))
	of := source.Origin{Source: "bot", Shards: 1, Session: "a", Seq: 1}
	fmt.Println(bot.Dispatch(ctx, source.Event{Name: "READY", Origin: of}, source.Event{Name: "GUILD_CREATE", Origin: of, Place: source.Place{Part: 1, Parts: 2}}))
	for range 2 {
		got, err := c.Receive(ctx)
		fmt.Println(got.Event.Name, got.Seen, err)
	}
	fmt.Println(bot.Leave(ctx, c))
	fmt.Println(bot.Leave(ctx, c))
	// Output:
	// <nil>
	// <nil>
	// READY first <nil>
	// GUILD_CREATE next <nil>
	// <nil>
	// source: 1 consumers of bot: not joined
}

// What was asked for is awaited, without a handler of its own.
func ExampleConsumerGroup_await() {
	live, end := oneNode()
	defer end()
	ctx := context.Background()
	bot, _ := source.NewConsumerGroup(live, "bot")
	defer func() { _ = bot.Close(ctx) }()
	isReaction := func(e source.Event) bool { return e.Name == "MESSAGE_REACTION_ADD" }
	e, err := bot.Await(ctx, isReaction, func() {
		of := source.Origin{Source: "bot", Shards: 1}
		_ = bot.Dispatch(ctx, source.Event{Name: "TYPING_START", Origin: of}, source.Event{Name: "MESSAGE_REACTION_ADD", Origin: of})
	})
	fmt.Println(e.Name, err)
	// Output: MESSAGE_REACTION_ADD <nil>
}

// Numbers tell what is missing, and what comes again.
func ExampleTracker() {
	var t source.Tracker
	for _, n := range []uint64{1, 2, 2, 5} {
		fmt.Println(n, t.See(source.Event{
			Origin: source.Origin{Source: "bot", Shards: 1, Session: "a", Seq: n},
			Place:  source.Place{Parts: 1, After: n - 1},
		}))
	}
	// Output:
	// 1 first
	// 2 next
	// 2 repeat
	// 5 gap
}

// oneNode is a cluster of one.
func oneNode() (live eventnode.Live, end func()) {
	n, err := node.New(node.Config{ID: "n1", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	<-n.Ready()
	return n, func() {
		stop()
		<-ended
	}
}
