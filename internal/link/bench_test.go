package link

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// discarder is a Handler that only counts bytes.
type discarder struct {
	recorder
	bytes atomic.Int64
}

func (d *discarder) Frame(_ context.Context, _ eventnode.NodeRef, envelopes wire.Piece) error {
	d.bytes.Add(int64(len(envelopes.Data)))
	return nil
}

// benchLink is a link over loopback TCP whose peer discards everything.
func benchLink(b *testing.B) (*Links, eventnode.NodeRef, *discarder) {
	refs := []eventnode.NodeRef{{ID: "a", Epoch: 1}, {ID: "b", Epoch: 1}}
	var all []*Links
	sink := new(discarder)
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	for _, ref := range refs {
		l, err := New(Config{Self: ref}, sink)
		if err != nil {
			b.Fatal(err)
		}
		srv := grpc.NewServer(ServerOptions()...)
		clusterv1.RegisterLinkServiceServer(srv, l.Service())
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = l.Run(ctx) }()
		go func() { _ = srv.Serve(ln) }()
		b.Cleanup(func() { cancel(); srv.Stop(); <-done })
		all = append(all, l)
		if ref == refs[1] {
			all[0].Add(ref, ln.Addr().String())
		}
	}
	for all[0].States()[0].Phase != PhaseUp {
	}
	return all[0], refs[1], sink
}

// BenchmarkSend measures a run's way into a lane and out of the other end:
// 128-byte events, alone or in runs as publishers' frames bring them.
func BenchmarkSend(b *testing.B) {
	for _, c := range []struct {
		name   string
		events int
	}{{"run=1", 1}, {"run=64", 64}} {
		b.Run(c.name, func(b *testing.B) {
			l, to, sink := benchLink(b)
			run := []byte(strings.Repeat(string(record("topic:x", strings.Repeat("x", 116))), c.events))
			b.SetBytes(int64(len(run)))
			b.ReportAllocs()
			ctx := context.Background()
			sent := int64(0)
			for b.Loop() {
				if !l.Send(ctx, to, 0, "topic:x", wire.Piece{Data: run}, c.events) {
					b.Fatalf("dropped: %+v lane %d sink %d sent %d", l.States(), l.now()-time.Duration(l.peer(to).lanes[0].progress.Load()), sink.bytes.Load(), sent)
				}
				sent += int64(len(run))
			}
			for sink.bytes.Load() < sent {
			}
			b.ReportMetric(float64(b.N*c.events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkOneAtATime is the latency of one event over one link, and back.
func BenchmarkOneAtATime(b *testing.B) {
	l, to, _ := benchLink(b)
	e := envelope("topic:x", strings.Repeat("x", 116))
	b.ReportAllocs()
	answered := make(chan error, 1)
	for b.Loop() {
		l.Track(context.Background(), to, 0, "topic:x", wire.Audience{}, e, func(_ int, err error) { answered <- err })
		if err := <-answered; err != nil {
			b.Fatal(err)
		}
	}
}
