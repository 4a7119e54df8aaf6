package eventnode_test

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
	"github.com/eventnode/eventnode/node"
)

// loopbackNode runs a node in this process, whose sockets are real.
func loopbackNode(b *testing.B, name string, seeds ...string) *node.Node {
	b.Helper()
	n, err := node.New(node.Config{ID: eventnode.NodeID(name), Seeds: seeds, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	<-n.Ready()
	return n
}

func dialNode(b *testing.B, n *node.Node) *client.Client {
	b.Helper()
	c, err := client.Dial(b.Context(), []string{n.RPCAddress()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// Requests with 128 bytes, answered with as many: at one node, through clients of one node,
// and through clients of two; one at a time, and 64.
func BenchmarkRequest(b *testing.B) {
	n1 := loopbackNode(b, "n1")
	n2 := loopbackNode(b, "n2", n1.GossipAddress())
	for known := 0; known < 2; { // the nodes know each other
		infos, err := n1.Nodes(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		known = 0
		for _, i := range infos {
			if i.Link == "self" || i.Link == "up" {
				known++
			}
		}
	}
	for _, bb := range []struct {
		name     string
		from, to eventnode.Live
	}{
		{"embedded", n1, n1},
		{"client", dialNode(b, n1), dialNode(b, n1)},
		{"two-nodes", dialNode(b, n1), dialNode(b, n2)},
	} {
		for _, atOnce := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", bb.name, atOnce), func(b *testing.B) { requests(b, bb.from, bb.to, atOnce) })
		}
	}
}

// requests makes b.N requests, so many at a time.
func requests(b *testing.B, from, to eventnode.Live, atOnce int) {
	topic := "topic:" + string(event.NewID().String())
	life, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	stands, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- eventnode.Reply(life, to, []string{topic}, func(_ context.Context, d eventnode.Delivery) (event.Event, error) {
			return event.New("replied", d.Event.Data), nil
		}, eventnode.WithHandleOptions(eventnode.WithConcurrency(64)), eventnode.WithReady(func(eventnode.Subscription) { close(stands) }))
	}()
	<-stands
	r, err := eventnode.NewRequester(from, eventnode.RequesterConfig{Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 128)
	if _, err := r.Request(b.Context(), topic, event.New("asked", data)); err != nil {
		b.Fatal(err)
	}
	took := make([]time.Duration, b.N)
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for k := range atOnce {
		all.Go(func() {
			for i := k; i < b.N; i += atOnce {
				began := time.Now()
				if _, err := r.Request(b.Context(), topic, event.New("asked", data)); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(began)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-µs")
	_ = r.Close()
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
