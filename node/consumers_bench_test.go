package node_test

import (
	"context"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// BenchmarkConsumers is events of 128 bytes that one consumer of a client takes, in
// batches of 1,000, and acks, over loopback from a node with storage in the same
// process. What is published is not in it.
func BenchmarkConsumers(b *testing.B) {
	n, err := node.New(node.Config{ID: "n1", DataDir: b.TempDir(), GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	<-n.Ready()
	c, err := client.Dial(ctx, []string{n.RPCAddress()})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Streams().Declare(ctx, "s", eventnode.StreamConfig{Groups: []string{"g"}}); err != nil {
		b.Fatal(err)
	}
	flusher, data := c.Streams().NewFlusher(), make([]byte, 128)
	for sent := 0; sent < b.N; {
		for range min(1000, b.N-sent) {
			if err := flusher.PublishEvent("s", event.New("order_placed", data)); err != nil {
				b.Fatal(err)
			}
			sent++
		}
		if _, err := flusher.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
	consumer := c.Consumers().Consumer("g")
	consumer.DisableLoop()
	b.ResetTimer()
	b.ReportAllocs()
	got, batches := 0, 0
	ran, err := consumer.Consume(ctx, 1000, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		got += len(events)
		batches++
		return nil
	})
	b.StopTimer()
	if !ran || err != nil || got != b.N {
		b.Fatal(ran, err, got)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)/float64(batches), "events/batch")
}
