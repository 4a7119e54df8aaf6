package dispatch

import (
	"context"
	"fmt"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// benchCluster has a dispatcher with subscriptions that nobody reads: their
// queues are emptied after each frame.
func benchNode(b *testing.B, subscriptions int) (*Publisher, []*Subscription) {
	b.Helper()
	d, err := New(Config{Self: "n1"})
	if err != nil {
		b.Fatal(err)
	}
	var subs []*Subscription
	for range subscriptions {
		s, err := d.Subscribe(context.Background(), []string{"topic:orders.eu"})
		if err != nil {
			b.Fatal(err)
		}
		subs = append(subs, s)
	}
	p, err := d.NewPublisher(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return p, subs
}

// benchFrame is n events of about 128 bytes, alternating between topics.
func benchFrame(n int, topics ...string) []byte {
	var frame []byte
	ev := event.New("order_created", make([]byte, 64))
	for i := range n {
		frame = wire.AppendEnvelope(frame, topics[i%len(topics):i%len(topics)+1], &ev)
	}
	return frame
}

func empty(subs []*Subscription, batch *Batch) {
	for _, s := range subs {
		batch.reset()
		_, _ = s.queue.take(batch, maxBatchRuns, 1<<30)
	}
}

func BenchmarkFind(b *testing.B) {
	tab := newTable()
	for i := range 100000 {
		tab.sit(fmt.Sprint("topic:orders.", i), classTopic, &Subscription{})
	}
	topic := []byte("topic:orders.4711")
	b.ReportAllocs()
	for b.Loop() {
		if tab.find(str(topic)) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkForward(b *testing.B) {
	for _, bc := range []struct {
		name   string
		events int
		topics []string
		subs   int
	}{
		{"frame=1/subs=1", 1, []string{"topic:orders.eu"}, 1},
		{"frame=500/subs=0", 500, []string{"topic:orders.eu"}, 0},
		{"frame=500/subs=1", 500, []string{"topic:orders.eu"}, 1},
		{"frame=500/subs=10", 500, []string{"topic:orders.eu"}, 10},
		{"frame=500/subs=1000", 500, []string{"topic:orders.eu"}, 1000},
		{"frame=500/subs=1/alternating", 500, []string{"topic:orders.eu", "topic:orders.us"}, 1},
	} {
		b.Run(bc.name, func(b *testing.B) {
			p, subs := benchNode(b, bc.subs)
			frame := benchFrame(bc.events, bc.topics...)
			var batch Batch
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			for b.Loop() {
				if _, refused, err := p.Forward(b.Context(), wire.Piece{Data: frame}); err != nil || len(refused) > 0 {
					b.Fatal(refused, err)
				}
				empty(subs, &batch)
			}
			b.ReportMetric(float64(b.N)*float64(bc.events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// What patterns cost: events of one topic that nobody subscribes to but by pattern, among
// 1,000 other patterns.
func BenchmarkForwardByPattern(b *testing.B) {
	p, _ := benchNode(b, 0)
	s, err := p.d.Subscribe(b.Context(), []string{"topic:orders.*"})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		p.d.SetInterest(fmt.Sprintf("topic:users.%d.*", i), eventnode.NodeRef{ID: "n2"}, true)
	}
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprintf("frame=%d", n), func(b *testing.B) {
			frame := benchFrame(n, "topic:orders.eu")
			var batch Batch
			b.ReportAllocs()
			for b.Loop() {
				if _, refused, err := p.Forward(b.Context(), wire.Piece{Data: frame}); err != nil || len(refused) > 0 {
					b.Fatal(refused, err)
				}
				empty([]*Subscription{s}, &batch)
			}
			b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkDispatch(b *testing.B) {
	p, subs := benchNode(b, 1)
	ev := event.New("order_created", make([]byte, 64))
	var batch Batch
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Dispatch(b.Context(), "topic:orders.eu", ev); err != nil {
			b.Fatal(err)
		}
		empty(subs, &batch)
	}
}

func BenchmarkReceive(b *testing.B) {
	p, subs := benchNode(b, 1)
	frame := benchFrame(500, "topic:orders.eu")
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = p.Forward(b.Context(), wire.Piece{Data: frame})
		for range 500 {
			if _, err := subs[0].Receive(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*500/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkSubscribe(b *testing.B) {
	d, err := New(Config{Self: "n1", MaxSubscriptions: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	for range 10000 {
		if _, err := d.Subscribe(context.Background(), []string{"topic:a"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := d.Subscribe(context.Background(), []string{"topic:a"}, eventnode.WithHolder("b"))
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
