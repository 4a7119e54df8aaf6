package client_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// oneNodeWithStorage runs a node that keeps streams, for an example.
func oneNodeWithStorage() (addr string, stop func()) {
	dir, err := os.MkdirTemp("", "eventnode-example-")
	if err != nil {
		fatal(err)
	}
	n, err := node.New(node.Config{ID: "n1", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", DataDir: dir})
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
		_ = os.RemoveAll(dir)
	}
}

// What is dispatched on topics is kept in a stream, and fills the gaps of a
// subscription. Two recorders are as one that does not fail.
func ExampleClient_Record() {
	addr, stop := oneNodeWithStorage()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, []string{addr})
	if err != nil {
		fatal(err)
	}
	defer c.Close()
	if _, err := c.Streams().Declare(ctx, "log", eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: time.Hour}); err != nil {
		fatal(err)
	}
	recording, end := context.WithCancel(ctx)
	started, over := make(chan struct{}, 2), make(chan error, 2)
	for range 2 {
		go func() {
			over <- c.Record(recording, []string{"topic:orders"}, "log",
				eventnode.WithRecordStart(func(eventnode.Subscription) { started <- struct{}{} }),
				eventnode.WithRecordGap(func(g eventnode.Gap) { fmt.Println("missed:", g.Reason) }))
		}()
	}
	<-started
	<-started

	sub, err := c.Subscribe(ctx, []string{"topic:orders"}, eventnode.WithCatchUp("log"))
	if err != nil {
		fatal(err)
	}
	defer sub.Close()
	if _, err := c.Dispatch(ctx, "topic:orders", event.New("order_placed", []byte("42"))); err != nil {
		fatal(err)
	}
	d, err := sub.Receive(ctx)
	fmt.Printf("live: %s %s %v\n", d.Event.Name, d.Event.Data, err)

	end() // what was received is appended first
	fmt.Println("recorders:", <-over, <-over)
	for ev, err := range c.Streams().Read(ctx, "log") {
		if err != nil {
			fatal(err)
		}
		fmt.Printf("kept: %s %s %v\n", ev.Event.Name, ev.Event.Data, ev.Topics)
	}
	// Output:
	// live: order_placed 42 <nil>
	// recorders: <nil> <nil>
	// kept: order_placed 42 [topic:orders]
}
