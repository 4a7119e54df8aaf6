package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// fatal ends an example that went wrong.
func fatal(err error) { panic(err) }

// oneNode runs a node for an example.
func oneNode() (addr string, stop func()) {
	n, err := node.New(node.Config{ID: "n1", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	<-n.Ready()
	return n.RPCAddress(), func() {
		cancel()
		<-ended
	}
}

func Example() {
	addr, stop := oneNode()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := client.Dial(ctx, []string{addr})
	if err != nil {
		fatal(err)
	}
	defer c.Close()
	sub, err := c.Subscribe(ctx, []string{"topic:orders"})
	if err != nil {
		fatal(err)
	}
	defer sub.Close()
	if _, err := c.Dispatch(ctx, "topic:orders", event.New("order_placed", []byte("42"))); err != nil {
		fatal(err)
	}
	for d, err := range sub.All(ctx) {
		if err != nil {
			fatal(err)
		}
		fmt.Printf("%s %s %s\n", d.Topics[0], d.Event.Name, d.Event.Data)
		break
	}
	// Output: topic:orders order_placed 42
}

// Where nobody listens, Dial says so within two seconds.
func ExampleDial_nobodyThere() {
	_, err := client.Dial(context.Background(), []string{"127.0.0.1:1"})
	fmt.Println(errors.Is(err, eventnode.ErrUnavailable))
	fmt.Println(err)
	// Output:
	// true
	// no node answered at 127.0.0.1:1 (127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused)
}

// A publisher does not wait for each event; Flush tells what was refused.
func ExampleClient_NewPublisher() {
	addr, stop := oneNode()
	defer stop()
	ctx := context.Background()
	c, err := client.Dial(ctx, []string{addr})
	if err != nil {
		fatal(err)
	}
	defer c.Close()

	pub, err := c.NewPublisher(ctx)
	if err != nil {
		fatal(err)
	}
	for range 1000 {
		if _, err := pub.Dispatch(ctx, "topic:orders", event.New("order_placed", nil)); err != nil {
			fatal(err)
		}
	}
	_, _ = pub.Dispatch(ctx, "nonsense:orders", event.New("order_placed", nil))
	var refused *eventnode.RefusedError
	fmt.Println(errors.As(pub.Flush(ctx), &refused), refused.Count, errors.Is(refused, eventnode.ErrBadTopic))
	fmt.Println(pub.Close(ctx))
	// Output:
	// true 1 true
	// <nil>
}

// With a receipt Dispatch tells how many subscriptions took the event.
func ExampleClient_Dispatch_receipt() {
	addr, stop := oneNode()
	defer stop()
	ctx := context.Background()
	c, err := client.Dial(ctx, []string{addr})
	if err != nil {
		fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := c.Subscribe(ctx, []string{"topic:orders"}); err != nil {
			fatal(err)
		}
	}
	receipt, err := c.Dispatch(ctx, "topic:orders", event.New("order_placed", nil), eventnode.WithReceipt(time.Second))
	fmt.Println(receipt.Reached, err)
	// Output: 3 <nil>
}

// A member receives what is sent to the groups that it joined.
func ExampleClient_Scope() {
	addr, stop := oneNode()
	defer stop()
	ctx := context.Background()
	c, err := client.Dial(ctx, []string{addr})
	if err != nil {
		fatal(err)
	}
	defer c.Close()

	worker, err := c.NewMember(ctx, 0)
	if err != nil {
		fatal(err)
	}
	scope := c.Scope("")
	if _, err := scope.Join(ctx, "workers", []eventnode.Member{worker}, eventnode.WithMeta("gpu")); err != nil {
		fatal(err)
	}
	members, _ := scope.Members(ctx, "workers")
	fmt.Println(len(members), members[0].Meta)
	if _, err := scope.SendOne(ctx, "workers", event.New("job", []byte("render")), eventnode.Pick{}); err != nil {
		fatal(err)
	}
	r, _ := worker.Receive(ctx)
	fmt.Println(r.Group, r.Event.Name, string(r.Event.Data))
	// Output:
	// 1 gpu
	// workers job render
}
