package watermill_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/adapters/watermill"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// world is a node with storage, and a client of it.
type world struct {
	node      *node.Node
	client    *client.Client
	streams   eventnode.Streams
	consumers eventnode.Consumers
	last      atomic.Int64 // topics that were given away
}

func newWorld(t testing.TB) *world {
	t.Helper()
	n, err := node.New(node.Config{ID: "n1", DataDir: t.TempDir(), GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	must(t, err)
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
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &world{node: n, client: c, streams: c.Streams(client.WithPatience(20 * time.Second)), consumers: c.Consumers()}
}

// topic is one that nobody uses.
func (w *world) topic() string { return fmt.Sprint("topic", w.last.Add(1)) }

// soon is how the tests have groups served: what was nacked comes at once.
func soon() *eventnode.ConsumerGroupConfig {
	return &eventnode.ConsumerGroupConfig{Backoff: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond, MaxDeliver: eventnode.NoMaxDeliver}
}

// publisher makes a publisher, which is closed at the end of the test.
func (w *world) publisher(t testing.TB, cfg watermill.PublisherConfig) *watermill.Publisher {
	t.Helper()
	cfg.Streams = w.streams
	p, err := watermill.NewPublisher(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	return p
}

// subscriber makes a subscriber, which is closed at the end of the test.
func (w *world) subscriber(t testing.TB, cfg watermill.SubscriberConfig) *watermill.Subscriber {
	t.Helper()
	cfg.Streams, cfg.Consumers = w.streams, w.consumers
	if cfg.Group != "" && cfg.GroupConfig == nil {
		cfg.GroupConfig = soon()
	}
	if cfg.CloseTimeout == 0 {
		cfg.CloseTimeout = 10 * time.Millisecond
	}
	s, err := watermill.NewSubscriber(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// publish publishes messages with these UUIDs, one by one.
func publish(t testing.TB, p message.Publisher, topic string, uuids ...string) {
	t.Helper()
	for _, uuid := range uuids {
		must(t, p.Publish(topic, message.NewMessage(uuid, []byte("about "+uuid))))
	}
}

func subscribe(t testing.TB, s message.Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	c, err := s.Subscribe(context.Background(), topic)
	must(t, err)
	return c
}

// patience is for what must happen, on a machine that has other things to do.
const patience = 30 * time.Second

// next waits for a message with this UUID, and returns it with how often it was delivered.
func next(t testing.TB, c <-chan *message.Message, uuid string) (m *message.Message, deliveries int) {
	t.Helper()
	select {
	case m, ok := <-c:
		if !ok {
			t.Fatalf("the channel is closed: want %q", uuid)
		}
		if m.UUID != uuid {
			t.Fatalf("message %q, want %q", m.UUID, uuid)
		}
		d, ok := watermill.Received(m.Context())
		if !ok {
			t.Fatal("nothing is known of a message that was received")
		}
		return m, d.Deliveries
	case <-time.After(patience):
		t.Fatalf("not within %v: message %q", patience, uuid)
	}
	return nil, 0
}

// happens waits until a channel is closed.
func happens[T any](t testing.TB, what string, c <-chan T) {
	t.Helper()
	select {
	case _, open := <-c:
		if open {
			t.Fatalf("%s: something came instead", what)
		}
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
