package dispatch

import (
	"context"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// frames are seeds: good ones, and good ones cut and bent.
func frames(f *testing.F) {
	one := event.New("one", []byte("data"))
	good := wire.AppendEnvelope(nil, []string{"topic:a"}, &one)
	good = wire.AppendEnvelope(good, []string{"topic:a", "topic:b"}, &one)
	good = wire.AppendEnvelope(good, []string{"room:a"}, &one)
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(append([]byte{0x0a, 0x02, 0x0a, 0x00}, good...))
	f.Add([]byte{15<<3 | 2, 0})
	f.Add([]byte{15<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{0xff})
}

// Whatever a publisher sends, every event is accepted or refused, once, and
// what is delivered can be decoded.
func FuzzForward(f *testing.F) {
	frames(f)
	f.Fuzz(func(t *testing.T, frame []byte) {
		d, err := New(Config{Self: "n1", MaxEventBytes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Subscribe(t.Context(), []string{"topic:a", "topic:b"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.NewPublisher(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, envelopes, err := wire.Split(frame)
		if err != nil {
			envelopes = frame
		}
		handled, refusals, err := p.Forward(t.Context(), wire.Piece{Data: envelopes})
		if err == nil && handled != wire.CountRecords(envelopes) {
			t.Errorf("handled %d of %d", handled, wire.CountRecords(envelopes))
		}
		st := d.Stats()
		if int(st.Accepted+st.Refused) != handled || int(st.Refused) != len(refusals) {
			t.Errorf("handled %d, refusals %d, stats %+v", handled, len(refusals), st)
		}
		for range st.Delivered {
			del, err := s.Receive(t.Context())
			if err != nil || del.Gap != nil || del.Event.Validate() != nil || len(del.Topics) == 0 {
				t.Errorf("delivered %+v, %v", del, err)
			}
		}
	})
}

// Whatever a peer sends, the subscriptions go on: what cannot be decoded is a
// gap.
func FuzzReceive(f *testing.F) {
	frames(f)
	f.Fuzz(func(t *testing.T, frame []byte) {
		c := &testNode{}
		d, err := New(Config{Self: "n1"})
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Subscribe(t.Context(), []string{"topic:a", "topic:b"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Subscribe(t.Context(), []string{"topic:>"}, eventnode.WithQueueGroup("g"), eventnode.WithNames("one")); err != nil {
			t.Fatal(err)
		}
		_ = d.Receive(t.Context(), c.ref, wire.Piece{Data: frame})
		_ = d.ReceiveQueued(t.Context(), c.ref, wire.Audience{Groups: []string{"g", "h"}}, wire.Piece{Data: frame})
		_, _ = d.ReceiveTracked(t.Context(), c.ref, wire.Audience{Plain: true}, frame)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // what is queued is returned; then the context's error
		for del, err := range s.All(ctx) {
			if err != nil || (del.Gap == nil && del.Event.Validate() != nil) {
				t.Errorf("delivered %+v, %v", del, err)
			}
		}
		if s.queueLen() != 0 {
			t.Error("something is left")
		}
	})
}
