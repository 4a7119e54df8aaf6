package client_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// oneClient is a client of a node, for an example.
func oneClient() (ctx context.Context, c *client.Client, stop func()) {
	addr, end := oneNode()
	ctx = context.Background()
	c, err := client.Dial(ctx, []string{addr}, client.WithName("example"))
	if err != nil {
		fatal(err)
	}
	return ctx, c, func() {
		_ = c.Close()
		end()
	}
}

// A monitor begins with who is there, and then tells each difference. When the client had
// to go to another node, Change.Resync has all anew.
func ExampleClient_Scope_monitor() {
	ctx, c, stop := oneClient()
	defer stop()
	monitor, err := c.Scope("chat").Monitor(ctx, "online")
	if err != nil {
		fatal(err)
	}
	defer monitor.Close()
	fmt.Println("there:", len(monitor.Snapshot()["online"]))

	ada, err := c.NewMember(ctx, 0)
	if err != nil {
		fatal(err)
	}
	if _, err := c.Scope("chat").Join(ctx, "online", []eventnode.Member{ada}, eventnode.WithMeta("ada")); err != nil {
		fatal(err)
	}
	if err := ada.Close(); err != nil {
		fatal(err)
	}
	for range 2 {
		change, err := monitor.Next(ctx)
		if err != nil {
			fatal(err)
		}
		for _, m := range change.Joined {
			fmt.Println("+", m.Meta)
		}
		for _, m := range change.Left {
			fmt.Println("-", m.Meta)
		}
	}
	// Output:
	// there: 0
	// + ada
	// - ada
}

// One event to every member, and one to a single member: the same for the same key.
func ExampleClient_Scope_send() {
	ctx, c, stop := oneClient()
	defer stop()
	workers := c.Scope("")
	m, err := c.NewMember(ctx, 100) // 100 events may wait, then the oldest go
	if err != nil {
		fatal(err)
	}
	if _, err := workers.JoinMany(ctx, []string{"resize", "crop"}, m); err != nil {
		fatal(err)
	}
	sent, err := workers.Broadcast(ctx, "crop", event.New("image_uploaded", []byte("1")))
	fmt.Println("delivered:", sent.Delivered, err)
	_, err = workers.SendOne(ctx, "resize", event.New("image_uploaded", []byte("2")), eventnode.Pick{Strategy: eventnode.PickHash, Key: "2"})
	if err != nil {
		fatal(err)
	}
	for range 2 {
		r, err := m.Receive(ctx)
		fmt.Println(r.Group, string(r.Event.Data), err)
	}
	_, err = workers.SendOne(ctx, "nobody", event.New("image_uploaded", nil), eventnode.Pick{})
	fmt.Println(errors.Is(err, eventnode.ErrNoMembers))
	// Output:
	// delivered: 1 <nil>
	// crop 1 <nil>
	// resize 2 <nil>
	// true
}

// What the node that the client is connected to knows of the cluster.
func ExampleClient_Nodes() {
	ctx, c, stop := oneClient()
	defer stop()
	nodes, err := c.Nodes(ctx)
	if err != nil {
		fatal(err)
	}
	for _, n := range nodes {
		fmt.Println(n.ID, n.State)
	}
	if _, err := c.Subscribe(ctx, []string{"topic:orders"}); err != nil {
		fatal(err)
	}
	subscriptions, _, err := c.Subscriptions(ctx, "topic:orders")
	fmt.Println(subscriptions[0].Holder, subscriptions[0].Topics, err)
	// Output:
	// n1 alive
	// example [topic:orders] <nil>
}
