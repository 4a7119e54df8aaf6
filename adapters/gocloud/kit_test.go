package eventnodepubsub

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gocloud.dev/pubsub"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// The library's own goroutine that fetches a batch waits for somebody to receive it, for ever
// if nobody does any more (gocloud.dev v0.47.0, pubsub.go: s.waitc <- struct{}{}).
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("gocloud.dev/pubsub.(*Subscription).Receive.func2"))
}

// world is a node with storage, and a client of it.
type world struct {
	node      *node.Node
	streams   eventnode.Streams
	consumers eventnode.Consumers
	last      atomic.Int64 // names that were given away
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
	return &world{node: n, streams: c.Streams(client.WithPatience(20 * time.Second)), consumers: c.Consumers()}
}

// stream makes an empty stream, of a name that holds what a URL must escape.
func (w *world) stream(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("stream?", w.last.Add(1), "#%")
	_, err := w.streams.Declare(t.Context(), name, eventnode.StreamConfig{})
	must(t, err)
	return name
}

// group adds a consumer group.
func (w *world) group(t testing.TB, stream string, cfg eventnode.ConsumerGroupConfig) string {
	t.Helper()
	name := fmt.Sprint("group", w.last.Add(1))
	_, err := w.consumers.AddGroup(t.Context(), stream, name, cfg, eventnode.StartPlace{})
	must(t, err)
	return name
}

// soon is a group that delivers again at once what was nacked.
var soon = eventnode.ConsumerGroupConfig{Backoff: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond, MaxDeliver: eventnode.NoMaxDeliver}

// topic opens a topic, which is shut down at the end of the test.
func (w *world) topic(t testing.TB, stream string, opts *TopicOptions) *pubsub.Topic {
	t.Helper()
	topic, err := OpenTopic(w.streams, stream, opts)
	must(t, err)
	t.Cleanup(func() { must(t, topic.Shutdown(context.Background())) })
	return topic
}

// subscription opens a subscription. Whoever opens it shuts it down.
func (w *world) subscription(t testing.TB, stream, group string, opts *SubscriptionOptions) *pubsub.Subscription {
	t.Helper()
	s, err := OpenSubscription(w.consumers, stream, group, opts)
	must(t, err)
	return s
}

// send sends messages with these bodies.
func send(t testing.TB, topic *pubsub.Topic, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		must(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte(body)}))
	}
}

// patience is for what must happen, on a machine that has other things to do.
const patience = 30 * time.Second

// receive receives a message, and tells its body and how often it was delivered.
func receive(t testing.TB, s *pubsub.Subscription) (m *pubsub.Message, body string, deliveries int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := s.Receive(ctx)
	must(t, err)
	var d *eventnode.StreamDelivery
	if !m.As(&d) {
		t.Fatal("a message is no delivery")
	}
	return m, string(m.Body), d.Deliveries()
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
