package node_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// broker is a namespace of a cluster of three nodes, asked through all of them.
type broker struct {
	t         *testing.T
	addresses []string
	streams   eventnode.Streams
	consumers eventnode.Consumers
	locks     eventnode.Locks
}

// brokers makes a broker for each story, of one cluster.
func brokers(t *testing.T) func(t *testing.T, namespace string) *broker {
	nodes, _ := consumingNodes(t)
	return func(t *testing.T, namespace string) *broker {
		var addresses []string
		for _, n := range nodes {
			addresses = append(addresses, n.RPCAddress())
		}
		c, in := dialAll(t, addresses), client.WithNamespace(namespace)
		return &broker{t: t, addresses: addresses, streams: c.Streams(in), consumers: c.Consumers(in), locks: c.Locks(in)}
	}
}

// declare declares a stream with groups.
func (b *broker) declare(stream string, groups ...string) {
	b.t.Helper()
	if _, err := b.streams.Declare(b.t.Context(), stream, eventnode.StreamConfig{Groups: groups}); err != nil {
		b.t.Fatal(err)
	}
}

// group adds a group that is served in some way.
func (b *broker) group(stream, group string, cfg eventnode.ConsumerGroupConfig) {
	b.t.Helper()
	if _, err := b.consumers.AddGroup(b.t.Context(), stream, group, cfg, eventnode.StartPlace{}); err != nil {
		b.t.Fatal(err)
	}
}

// publish publishes prefix1 to prefixn in one trip.
func (b *broker) publish(stream, prefix string, n int) {
	b.t.Helper()
	f := b.streams.NewFlusher()
	for _, name := range numbers(prefix, n) {
		if err := f.PublishEvent(stream, event.New(name, nil)); err != nil {
			b.t.Fatal(err)
		}
	}
	if _, err := f.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// consume handles all there is, and returns the batches.
func (b *broker) consume(group string, nr, count int, opts ...eventnode.ConsumerOption) (batches [][]string) {
	b.t.Helper()
	c := b.consumers.Consumer(group, opts...)
	c.DisableLoop()
	ran, err := c.ConsumeMany(b.t.Context(), nr, count, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		batches = append(batches, named(events))
		return nil
	})
	if !ran || err != nil {
		b.t.Errorf("consumer %d of %s: %v, %v", nr, group, ran, err)
	}
	return batches
}

// want wants these batches.
func (b *broker) want(got [][]string, want ...[]string) {
	b.t.Helper()
	if !slices.EqualFunc(got, want, slices.Equal) {
		b.t.Errorf("got %v, want %v", got, want)
	}
}

// wantLen wants so many events in a stream.
func (b *broker) wantLen(stream string, n uint64) {
	b.t.Helper()
	info, err := b.streams.Info(b.t.Context(), stream)
	if err != nil || info.Count != n {
		b.t.Errorf("%d events in %s, want %d, %v", info.Count, stream, n, err)
	}
}

// info says how a group is.
func (b *broker) info(stream, group string) eventnode.ConsumerGroupInfo {
	b.t.Helper()
	info, err := b.consumers.Group(b.t.Context(), stream, group)
	if err != nil {
		b.t.Fatal(err)
	}
	return info
}

// inHand is how many events a consumer has in hand.
func (b *broker) inHand(stream, group string, nr int) (n uint64) {
	b.t.Helper()
	for e, err := range b.consumers.Pending(b.t.Context(), stream, group, nr) {
		if err != nil {
			b.t.Fatal(err)
		}
		n += e.Count
	}
	return n
}

// panics consumes with a handler that works and then panics, and returns the value.
func (b *broker) panics(group string, nr, count int, work func([]*eventnode.StreamDelivery), opts ...eventnode.ConsumerOption) (value any) {
	defer func() { value = recover() }()
	_, err := b.consumers.Consumer(group, opts...).ConsumeMany(b.t.Context(), nr, count, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		if work != nil {
			work(events)
		}
		panic("stop")
	})
	b.t.Errorf("it did not panic: %v", err)
	return nil
}

// working is a consumer that runs beside the test.
type working struct {
	cancel context.CancelFunc
	done   chan struct{}
	ran    bool
	err    error

	mu      sync.Mutex
	handled []string
}

// start has a consumer run until it is stopped. The handler may be nil.
func (b *broker) start(group string, nr, count int, handler eventnode.StreamHandler, opts ...eventnode.ConsumerOption) *working {
	ctx, cancel := context.WithCancel(context.Background())
	w := &working{cancel: cancel, done: make(chan struct{})}
	c := b.consumers.Consumer(group, opts...)
	go func() {
		defer close(w.done)
		w.ran, w.err = c.ConsumeMany(ctx, nr, count, func(ctx context.Context, events []*eventnode.StreamDelivery) error {
			w.mu.Lock()
			w.handled = append(w.handled, named(events)...)
			w.mu.Unlock()
			if handler == nil {
				return nil
			}
			return handler(ctx, events)
		})
	}()
	b.t.Cleanup(w.stop)
	return w
}

func (w *working) stop() {
	w.cancel()
	<-w.done
}

func (w *working) names() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.handled)
}

// isThere waits until a consumer is there.
func (b *broker) isThere(stream, group string, nr int) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("consumer %d of %s is there", nr, group), func() bool {
		return slices.ContainsFunc(b.info(stream, group).Consumers, func(c eventnode.ConsumerInfo) bool { return c.Number == nr && c.Connected })
	})
}

// soon waits for a channel.
func soon[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("not within 30 s: %s", what)
	}
	return v
}
