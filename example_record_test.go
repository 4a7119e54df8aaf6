package eventnode_test

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// recorded has a recorder append what is dispatched to topic:orders to the stream "log", for
// an example.
func recorded(ctx context.Context, n *node.Node, opts ...eventnode.RecordOption) (streams eventnode.Streams, end func() error) {
	streams, err := n.Streams(ctx, "")
	must(err)
	_, err = streams.Declare(ctx, "log", eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: time.Hour})
	must(err)
	ctx, cancel := context.WithCancel(ctx)
	started, over := make(chan struct{}), make(chan error, 1)
	opts = append(opts, eventnode.WithRecordStart(func(eventnode.Subscription) { close(started) }))
	go func() { over <- n.Record(ctx, []string{"topic:orders"}, "log", opts...) }()
	<-started
	return streams, func() error {
		cancel()
		return <-over
	}
}

// What is dispatched is kept in a stream, with its topics. Let two recorders run, at
// different nodes: each event stands there once.
func ExampleRecorder() {
	ctx, n, stop := embedded()
	defer stop()
	var last eventnode.RecordProgress
	streams, end := recorded(ctx, n, eventnode.WithRecordProgress(func(p eventnode.RecordProgress) { last = p }))
	for i := range 3 {
		_, err := n.Dispatch(ctx, "topic:orders", event.New("order_placed", []byte(strconv.Itoa(i))))
		must(err)
	}
	must(end()) // what it has received is appended first
	fmt.Println("received", last.Received, "appended", last.Appended, "gaps", last.Gaps)
	for e, err := range streams.Read(ctx, "log") {
		must(err)
		fmt.Println(e.Event.Name, string(e.Event.Data), e.Topics)
	}
	// Output:
	// received 3 appended 3 gaps 0
	// order_placed 0 [topic:orders]
	// order_placed 1 [topic:orders]
	// order_placed 2 [topic:orders]
}

// A subscription that is too slow for its queue goes on from the stream, without a hole.
func ExampleWithCatchUp() {
	ctx, n, stop := embedded()
	defer stop()
	_, end := recorded(ctx, n)
	sub, err := n.Subscribe(ctx, []string{"topic:orders"}, eventnode.WithCatchUp("log"), eventnode.WithQueue(2, 0))
	must(err)
	defer sub.Close()
	for i := range 6 { // more than the queue takes
		_, err := n.Dispatch(ctx, "topic:orders", event.New("order_placed", []byte(strconv.Itoa(i))))
		must(err)
	}
	for range 6 {
		d, err := sub.Receive(ctx)
		must(err)
		fmt.Println(d.Event.Name, string(d.Event.Data), d.Gap)
	}
	fmt.Println(end())
	// Output:
	// order_placed 0 <nil>
	// order_placed 1 <nil>
	// order_placed 2 <nil>
	// order_placed 3 <nil>
	// order_placed 4 <nil>
	// order_placed 5 <nil>
	// <nil>
}
