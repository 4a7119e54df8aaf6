package bus_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a node with storage, and a client of it.
type world struct {
	node   *node.Node
	client *client.Client
	last   atomic.Int64 // topics and streams that were given away
}

func newWorld(t testing.TB) *world {
	t.Helper()
	n, err := node.New(node.Config{ID: "n1", DataDir: t.TempDir(), GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-n.Ready()
	c, err := client.Dial(ctx, []string{n.RPCAddress()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &world{node: n, client: c}
}

// topic is a topic that nobody uses, over live.
func (w *world) topic(live eventnode.Live) bus.Topic {
	return bus.Topic{Live: live, Topics: []string{fmt.Sprint("topic:t", w.last.Add(1))}, Subscribe: []eventnode.SubscribeOption{eventnode.WithPolicy(eventnode.PolicyBlock)}}
}

// stream is an empty stream with a consumer group that delivers again soon.
func (w *world) stream(t testing.TB, streams eventnode.Streams, consumers eventnode.Consumers, group eventnode.ConsumerGroupConfig) bus.Stream {
	t.Helper()
	name := fmt.Sprint("s", w.last.Add(1))
	if group.Backoff == 0 {
		group.Backoff = 10 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := streams.Declare(ctx, name, eventnode.StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	return bus.Stream{Streams: streams, Consumers: consumers, Stream: name, Group: "g", AddGroup: &group}
}

// ofClient are the streams and consumers of the client.
func (w *world) ofClient() (eventnode.Streams, eventnode.Consumers) {
	return w.client.Streams(client.WithPatience(20 * time.Second)), w.client.Consumers()
}

// ofNode are those of the embedded node.
func (w *world) ofNode(t testing.TB) (eventnode.Streams, eventnode.Consumers) {
	t.Helper()
	streams, err := w.node.Streams(t.Context(), "embedded")
	if err != nil {
		t.Fatal(err)
	}
	consumers, err := w.node.Consumers(t.Context(), "embedded")
	if err != nil {
		t.Fatal(err)
	}
	return streams, consumers
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// storage is a node of its own with a stream "users", and a client, for an example.
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
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	if c, err = client.Dial(ctx, []string{n.RPCAddress()}); err != nil {
		panic(err)
	}
	if _, err := c.Streams(client.WithPatience(20*time.Second)).Declare(ctx, "users", eventnode.StreamConfig{}); err != nil {
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
