package node_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// A program that is a node: it subscribes, dispatches, and stops.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	n, err := node.New(node.Config{ID: "orders-1", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	ended := make(chan error)
	go func() { ended <- n.Run(ctx) }()

	sub, err := n.Subscribe(ctx, []string{"topic:orders"}, eventnode.WithPolicy(eventnode.PolicyBlock))
	if err != nil {
		panic(err)
	}
	if _, err := n.Dispatch(ctx, "topic:orders", event.New("order_placed", []byte(`{"id":1}`))); err != nil {
		panic(err)
	}
	for d, err := range sub.All(ctx) {
		if err != nil {
			panic(err)
		}
		if d.Gap != nil {
			fmt.Println("missed events:", d.Gap.Reason)
			continue
		}
		fmt.Println(d.Event.Name, string(d.Event.Data))
		stop() // the node says goodbye and ends
	}
	fmt.Println(<-ended)
	// Output:
	// order_placed {"id":1}
	// <nil>
}

// Two nodes, and a group with a member on each.
func ExampleNode_Scope() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var running sync.WaitGroup
	start := func(id eventnode.NodeID, seeds ...string) *node.Node {
		n, err := node.New(node.Config{ID: id, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", Seeds: seeds})
		if err != nil {
			panic(err)
		}
		running.Go(func() { _ = n.Run(ctx) })
		<-n.Ready()
		return n
	}
	n1 := start("n1")
	n2 := start("n2", n1.GossipAddress())
	for _, n := range []*node.Node{n1, n2} {
		m, err := n.NewMember(ctx, 0)
		if err != nil {
			panic(err)
		}
		_, err = n.Scope("").Join(ctx, "workers", []eventnode.Member{m}, eventnode.WithJoinWait(5*time.Second))
		if err != nil {
			panic(err)
		}
	}
	sent, err := n1.Scope("").Broadcast(ctx, "workers", event.New("wake_up", nil))
	fmt.Println(sent.Delivered, sent.Missing, err)
	stop()
	running.Wait()
	// Output: 2 [] <nil>
}
