package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// instant is a partition in memory that takes everything and stores nothing: what
// remains is the service.
type instant struct{ *memory }

func (i instant) Submit(context.Context, *replica.Proposal) (func(context.Context) (state.Result, error), error) {
	return func(context.Context) (state.Result, error) { return state.Result{}, nil }, nil
}

// BenchmarkPublishStream is requests through gRPC, in memory, to a partition that
// costs nothing; the client's encoding is in it.
func BenchmarkPublishStream(b *testing.B) {
	for _, count := range []int{1, 256} {
		b.Run(fmt.Sprintf("events=%d", count), func(b *testing.B) {
			m := newMemory(b)
			n := newCluster(b, nil, partition(m)).nodes[0]
			n.declare(b, "a", nil)
			n.service.cfg.Partition = func() (partition, bool) { return instant{m}, true }
			req := benchRequest(count)
			stream, err := n.api.PublishStream(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				for {
					if _, err := stream.Recv(); err != nil {
						if !errors.Is(err, io.EOF) {
							b.Error(err)
						}
						return
					}
				}
			}()
			b.ReportAllocs()
			for b.Loop() {
				if err := stream.Send(req); err != nil {
					b.Fatal(err)
				}
			}
			_ = stream.CloseSend()
			<-answered
			b.ReportMetric(float64(b.N*count)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkParse is taking a request apart.
func BenchmarkParse(b *testing.B) {
	for _, count := range []int{1, 256} {
		b.Run(fmt.Sprintf("events=%d", count), func(b *testing.B) {
			msg, err := proto.Marshal(benchRequest(count))
			if err != nil {
				b.Fatal(err)
			}
			cfg, err := ServiceConfig{Self: "n", Leader: func() (Leader, bool) { return Leader{}, false }, Forward: (&testCluster{}).connTo}.withDefaults()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				if batches, err := cfg.parse(msg); err != nil || batches[0].err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchRequest(count int) *eventnodev1.PublishStreamRequest {
	req := request("a")
	for range count {
		req.Batches[0].Envelopes = append(req.Batches[0].Envelopes, sized("event", 128))
	}
	return req
}
