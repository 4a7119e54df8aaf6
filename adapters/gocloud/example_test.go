package eventnodepubsub_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"gocloud.dev/pubsub"

	"github.com/eventnode/eventnode"
	_ "github.com/eventnode/eventnode/adapters/gocloud" // knows URLs that begin with eventnode://
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// A program that knows pubsub only, and is given two URLs.
func Example() {
	ctx, address, end := storage()
	defer end()
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	topic, err := pubsub.OpenTopic(ctx, "eventnode://"+address+"/orders")
	check(err)
	sub, err := pubsub.OpenSubscription(ctx, "eventnode://"+address+"/orders?group=billing")
	check(err)
	check(topic.Send(ctx, &pubsub.Message{Body: []byte("three apples"), Metadata: map[string]string{"for": "ada"}}))
	m, err := sub.Receive(ctx)
	check(err)
	fmt.Printf("%s for %s\n", m.Body, m.Metadata["for"])
	m.Ack()
	check(topic.Shutdown(ctx))
	check(sub.Shutdown(ctx))
	// Output:
	// three apples for ada
}

// storage is a node with a stream and a consumer group.
func storage() (ctx context.Context, address string, end func()) {
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
	c, err := client.Dial(ctx, []string{n.RPCAddress()})
	if err != nil {
		panic(err)
	}
	_, err = c.Streams(client.WithPatience(20*time.Second)).Declare(ctx, "orders", eventnode.StreamConfig{Groups: []string{"billing"}})
	if err != nil {
		panic(err)
	}
	return ctx, n.RPCAddress(), func() {
		cancel()
		_ = c.Close()
		stop()
		<-ended
		_ = os.RemoveAll(dir)
	}
}
