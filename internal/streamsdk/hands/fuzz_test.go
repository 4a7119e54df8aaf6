package hands

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever a node sends is taken or refused, and then settled without harm.
func FuzzReceive(f *testing.F) {
	ev := event.New("e", []byte("data"))
	good := marshal(f, &eventnodev1.ConsumeResponse{
		Deliveries: []*eventnodev1.Delivery{{Stream: 1, Deliveries: 2, AckWait: durationpb.New(time.Second), Slices: []*eventnodev1.Slice{{Number: 3, Count: 1}}}},
		Lost:       []*eventnodev1.StreamEvents{{Numbers: []*eventnodev1.NumberRange{{From: 1, To: 2}}}}, Idle: true,
	})
	f.Add(wire.AppendEnvelope(good, nil, &ev), false)
	f.Add(marshal(f, &eventnodev1.ConsumeResponse{Results: []*eventnodev1.SettleResult{{Request: 1, ErrorReason: "FENCED"}}}), true)
	f.Fuzz(func(t *testing.T, msg []byte, again bool) {
		h := New(Config{Count: 2, MaxBytes: 100})
		h.Open([]string{"a", "b"}, 1)
		now := time.Unix(1, 0)
		for range 2 {
			m, err := Parse(wire.Piece{Data: msg})
			if err != nil {
				return
			}
			if _, err := h.Receive(m, now); err != nil {
				return
			}
			for h.Ready() {
				b := h.Take()
				var d wire.Decoder
				events, bad := b.Decode(&d, nil)
				if len(events)+len(bad) != b.Count() || b.Count() == 0 {
					t.Fatalf("%d and %d of %d events", len(events), len(bad), b.Count())
				}
				h.Extend(now.Add(time.Hour))
				h.Finish(b, Succeeded)
			}
			for _, step := h.Next(); step == Send; _, step = h.Next() {
			}
			if again {
				h.Broke()
				h.Open([]string{"b", "a"}, 2)
			}
		}
	})
}
