package client

import (
	"testing"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// BenchmarkPublisher is a publisher's part of an event: making it, checking it,
// encoding it into the outbox, from which a frame is taken now and then.
func BenchmarkPublisher(b *testing.B) {
	c := &Client{}
	c.setState(&conn{}, nil)
	p := &publisher{c: c, out: newOutbox(4 << 20)}
	data := make([]byte, 128)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := p.Dispatch(b.Context(), "topic:orders.eu", event.New("bench", data)); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 0 {
			for b := p.out.take(); b != nil; b = p.out.take() {
				wire.Pool().Put(b) // as gRPC does
			}
			if err := p.out.answer(&eventnodev1.DispatchStreamResponse{Handled: p.out.handed}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
