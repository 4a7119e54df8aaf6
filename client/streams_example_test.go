package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/streamsdk/sdktest"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// streamsNode connects to a node with streams, which is in memory, for an example.
func streamsNode() (c *client.Client, stop func()) {
	listener, server := bufconn.Listen(1<<20), grpc.NewServer()
	eventnodev1.RegisterStreamServiceServer(server, sdktest.NewCluster("n1").Node("n1"))
	go func() { _ = server.Serve(listener) }()
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	c, err := client.Dial(context.Background(), []string{"n1"}, client.WithDialer(dial))
	if err != nil {
		fatal(err)
	}
	return c, func() {
		_ = c.Close()
		server.Stop()
	}
}

func ExampleClient_Streams() {
	c, stop := streamsNode()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	streams := c.Streams()
	created, err := streams.Declare(ctx, "orders", eventnode.StreamConfig{Groups: []string{"billing", "shipping"}})
	if err != nil {
		fatal(err)
	}
	again, err := streams.Declare(ctx, "orders", eventnode.StreamConfig{Groups: []string{"billing", "shipping"}})
	fmt.Println("created:", created, again, err)

	first, err := streams.Publish(ctx, "orders", event.New("order_placed", []byte("42")))
	if err != nil {
		fatal(err)
	}
	second, err := streams.Publish(ctx, "orders", event.New("order_paid", []byte("42")), eventnode.WithExpectLast(first))
	fmt.Println("in order:", first.Compare(second) < 0, err)
	_, err = streams.Publish(ctx, "orders", event.New("order_paid", []byte("42")), eventnode.WithExpectLast(first))
	fmt.Println("somebody was faster:", errors.Is(err, eventnode.ErrWrongLast))

	for ev, err := range streams.Read(ctx, "orders") {
		if err != nil {
			fatal(err)
		}
		fmt.Printf("%d: %s %s\n", ev.Number, ev.Event.Name, ev.Event.Data)
	}
	// Output:
	// created: true false <nil>
	// in order: true <nil>
	// somebody was faster: true
	// 1: order_placed 42
	// 2: order_paid 42
}

func ExampleClient_Streams_body() {
	c, stop := streamsNode()
	defer stop()
	ctx := context.Background()
	streams := c.Streams()
	for _, name := range []string{"stream-a", "stream-page-views"} {
		if _, err := streams.Declare(ctx, name, eventnode.StreamConfig{}); err != nil {
			fatal(err)
		}
	}

	type order struct {
		Color string
		Price float32
	}
	if _, err := streams.PublishBody(ctx, "stream-a", order{Color: "red", Price: 12.34}, "version", "1"); err != nil {
		fatal(err)
	}
	if _, err := streams.PublishBody(ctx, "stream-page-views", nil, "url", "/about-us/", "ip", "232.12.24.11"); err != nil {
		fatal(err)
	}
	_, err := streams.PublishBody(ctx, "stream-a", nil, "url")
	fmt.Println(err)

	for _, name := range []string{"stream-a", "stream-page-views"} {
		for ev, err := range streams.Read(ctx, name) {
			fmt.Printf("%s %s %v %v\n", ev.Event.DataType, ev.Event.Data, ev.Event.Meta, err)
		}
	}
	// Output:
	// meta is keys and values in turn, got 1 of them, the last is "url": invalid argument
	// application/json {"Color":"red","Price":12.34} map[version:1] <nil>
	//   map[ip:232.12.24.11 url:/about-us/] <nil>
}

func ExampleClient_Streams_flusher() {
	c, stop := streamsNode()
	defer stop()
	ctx := context.Background()
	streams := c.Streams()
	for _, name := range []string{"stream-a", "stream-b"} {
		if _, err := streams.Declare(ctx, name, eventnode.StreamConfig{}); err != nil {
			fatal(err)
		}
	}

	flusher := streams.NewFlusher()
	for _, err := range []error{
		flusher.Publish("stream-a", "hello"),
		flusher.Publish("stream-b", 42),
		flusher.Publish("stream-c", "nobody declared this one"),
		flusher.PublishEvent("stream-a", event.New("order_placed", nil)),
	} {
		if err != nil {
			fatal(err)
		}
	}
	positions, err := flusher.Flush(ctx) // one trip for all
	for i, at := range positions {
		fmt.Println(i, "published:", !at.IsZero())
	}
	if failed, ok := errors.AsType[*eventnode.FlushError](err); ok {
		for _, f := range failed.Failures {
			fmt.Println(f.Stream, f.Events, errors.Is(f.Err, eventnode.ErrStreamNotFound))
		}
	}
	fmt.Println("left:", flusher.Len(), "discarded:", flusher.Discard("stream-c"))
	// Output:
	// 0 published: true
	// 1 published: true
	// 2 published: false
	// 3 published: true
	// stream-c 1 true
	// left: 1 discarded: 1
}

func ExampleClient_Streams_follow() {
	c, stop := streamsNode()
	defer stop()
	ctx := context.Background()
	streams := c.Streams(client.WithNamespace("shop"))
	if _, err := streams.Declare(ctx, "orders", eventnode.StreamConfig{}); err != nil {
		fatal(err)
	}
	for _, name := range []string{"one", "two", "three"} {
		if _, err := streams.Publish(ctx, "orders", event.New(name, nil)); err != nil {
			fatal(err)
		}
	}
	// The last two, and then what comes; it goes on by itself when a node is lost.
	for ev, err := range streams.Read(ctx, "orders", eventnode.WithLast(2), eventnode.WithFollow()) {
		if err != nil {
			fatal(err)
		}
		fmt.Println(ev.Event.Name)
		if ev.Event.Name == "four" {
			break
		}
		if ev.Event.Name == "three" {
			if _, err := streams.Publish(ctx, "orders", event.New("four", nil)); err != nil {
				fatal(err)
			}
		}
	}
	// Output:
	// two
	// three
	// four
}
