package watermill_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	wm "github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/adapters/watermill"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// A router handles orders and publishes bills, over streams.
func Example() {
	ctx, c, end := storage()
	defer end()
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	streams := c.Streams(client.WithPatience(20 * time.Second))
	pub, err := watermill.NewPublisher(watermill.PublisherConfig{Streams: streams})
	check(err)
	sub, err := watermill.NewSubscriber(watermill.SubscriberConfig{
		Streams: streams, Consumers: c.Consumers(), Group: "billing",
		GroupConfig: &eventnode.ConsumerGroupConfig{Backoff: 10 * time.Millisecond},
	})
	check(err)
	router, err := message.NewRouter(message.RouterConfig{}, wm.NopLogger{})
	check(err)
	router.AddHandler("bill", "orders", sub, "bills", pub, func(m *message.Message) ([]*message.Message, error) {
		if d, _ := watermill.Received(m.Context()); d.Deliveries == 1 {
			return nil, errors.New("the first time fails: it comes again")
		}
		return message.Messages{message.NewMessage("bill of "+m.UUID, m.Payload)}, nil
	})
	router.AddConsumerHandler("print", "bills", sub, func(m *message.Message) error {
		fmt.Printf("%s: %s\n", m.UUID, m.Payload)
		go func() { check(router.Close()) }()
		return nil
	})
	check(pub.Publish("orders", message.NewMessage("order 42", []byte("three apples"))))
	check(router.Run(ctx))
	// Output:
	// bill of order 42: three apples
}

// Messages one by one, without a router.
func ExampleSubscriber() {
	ctx, c, end := storage()
	defer end()
	streams := c.Streams(client.WithPatience(20 * time.Second))
	pub, err := watermill.NewPublisher(watermill.PublisherConfig{Streams: streams})
	if err != nil {
		panic(err)
	}
	sub, err := watermill.NewSubscriber(watermill.SubscriberConfig{Streams: streams}) // no group: all messages
	if err != nil {
		panic(err)
	}
	defer func() { _ = sub.Close() }()
	for i := range 3 {
		if err := pub.Publish("orders", message.NewMessage(fmt.Sprint("order ", i), nil)); err != nil {
			panic(err)
		}
	}
	messages, err := sub.Subscribe(ctx, "orders")
	if err != nil {
		panic(err)
	}
	for range 3 {
		m := <-messages
		fmt.Println(m.UUID)
		m.Ack()
	}
	// Output:
	// order 0
	// order 1
	// order 2
}

// storage is a node with storage, and a client.
func storage() (ctx context.Context, c *client.Client, end func()) {
	dir, err := os.MkdirTemp("", "eventnode")
	if err != nil {
		panic(err)
	}
	n, err := node.New(node.Config{ID: "n1", DataDir: dir, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	run, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(run) }()
	<-n.Ready()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	if c, err = client.Dial(ctx, []string{n.RPCAddress()}); err != nil {
		panic(err)
	}
	return ctx, c, func() {
		cancel()
		_ = c.Close()
		stop()
		<-ended
		_ = os.RemoveAll(dir)
	}
}
