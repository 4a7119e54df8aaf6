package client

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// message encodes a response as a node does.
func message(t testing.TB, m *eventnodev1.SubscribeResponse) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func piece(t testing.TB, m *eventnodev1.SubscribeResponse) wire.Piece {
	t.Helper()
	return wire.Piece{Data: message(t, m)}
}

func envelope(ev event.Event, topics ...string) *eventnodev1.Envelope {
	return &eventnodev1.Envelope{Topics: topics, Event: wire.ToProto(&ev)}
}

func TestFrameOrderGapsAndTopics(t *testing.T) {
	first, second := event.New("one", []byte("1")), event.New("two", nil, event.WithKey("k"))
	count := uint64(3)
	bad := &eventnodev1.Envelope{Topics: []string{"topic:a"}, Event: &eventnodev1.Event{Name: "no ID"}}
	f, head, err := parseFrame(piece(t, &eventnodev1.SubscribeResponse{
		Subscription: 1,
		Opened:       &eventnodev1.SubscriptionOpened{Nodes: 2},
		Gaps:         []*eventnodev1.Gap{{Count: &count}, {Node: "n", Reason: eventnodev1.GapReason_GAP_REASON_LINK_LOST}},
		Envelopes:    []*eventnodev1.Envelope{envelope(first, "topic:a"), bad, envelope(second, "topic:a", "topic:b"), envelope(first, "topic:a")},
	}))
	if err != nil || head.GetOpened().GetNodes() != 2 {
		t.Fatalf("%v, %v", head, err)
	}
	want := []string{
		"gap {Node: Count:3 Known:true Reason:unspecified}",
		"gap {Node:n Count:0 Known:false Reason:link_lost}",
		"[topic:a] one 1",
		"gap {Node: Count:1 Known:true Reason:unspecified}",
		"[topic:a topic:b] two ",
		"[topic:a] one 1",
	}
	var got []string
	var d eventnode.Delivery
	var decoder wire.Decoder
	for f.next(&d, &decoder) {
		if d.Gap != nil {
			got = append(got, fmt.Sprintf("gap %+v", *d.Gap))
			continue
		}
		got = append(got, fmt.Sprintf("%v %s %s", d.Topics, d.Event.Name, d.Event.Data))
	}
	if !slices.Equal(got, want) || !f.empty() {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever a node sends, parsing neither panics nor loses an event silently:
// each record is an event or a gap of one.
func FuzzFrame(f *testing.F) {
	count := uint64(1)
	f.Add([]byte{})
	f.Add([]byte{0x7a, 0x00})
	f.Add([]byte("not protobuf"))
	f.Add(message(f, &eventnodev1.SubscribeResponse{
		Subscription: 1, Gaps: []*eventnodev1.Gap{{Count: &count}},
		Envelopes: []*eventnodev1.Envelope{envelope(event.New("n", []byte("data")), "topic:a"), {}},
	}))
	f.Add(message(f, &eventnodev1.SubscribeResponse{Closed: &eventnodev1.SubscriptionClosed{Reason: "CLOSED"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, head, err := parseFrame(wire.Piece{Data: b})
		if err != nil {
			return
		}
		want := len(head.GetGaps()) + wire.CountRecords(fr.records)
		got := 0
		var d eventnode.Delivery
		var decoder wire.Decoder
		for fr.next(&d, &decoder) {
			if got++; d.Gap == nil && d.Event.Validate() != nil {
				t.Fatalf("delivered an invalid event: %+v", d.Event)
			}
		}
		if got != want {
			t.Fatalf("%d deliveries of %d gaps and records", got, want)
		}
		var m eventnodev1.SubscribeResponse
		if proto.Unmarshal(b, &m) == nil && len(m.GetEnvelopes())+len(m.GetGaps()) != want {
			t.Fatalf("protobuf sees %d envelopes and %d gaps, this %d", len(m.GetEnvelopes()), len(m.GetGaps()), want)
		}
	})
}

// However often the connection is lost while nobody receives, a node is never
// asked for more than the window in all; and all that came is received.
func TestFrameQueueAsksForNoMoreThanTheWindow(t *testing.T) {
	q := newFrameQueue()
	f := func(size int) *frame {
		m, _, err := parseFrame(piece(t, &eventnodev1.SubscribeResponse{Envelopes: []*eventnodev1.Envelope{envelope(event.New("n", make([]byte, size)), "topic:a")}}))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var pushed int
	for range 10 { // a reader who is away, ten connections lost
		feed := new(feed)
		window := int(q.begin(feed))
		for window > 0 && rng.IntN(20) > 0 {
			fr := f(rng.IntN(1 << 18))
			window -= fr.cost
			pushed += len(fr.records)
			q.push(feed, fr)
		}
		q.push(feed, &frame{gaps: []eventnode.Gap{{Reason: eventnode.GapReconnected}}})
		q.push(feed, &frame{gaps: []eventnode.Gap{{Reason: eventnode.GapReconnected}}})
	}
	if q.now.held > subscriptionWindow+10*(1<<18) {
		t.Errorf("holds %d bytes", q.now.held)
	}
	last := new(feed)
	window := int(q.begin(last))
	q.end(eventnode.ErrSlowSubscriber)
	q.end(eventnode.ErrClosed)
	var got, gaps int
	for {
		f, c, ended, err := q.take()
		if ended {
			if !errors.Is(err, eventnode.ErrSlowSubscriber) {
				t.Errorf("err = %v, want the first", err)
			}
			break
		}
		if c.feed != nil {
			if c.feed != last {
				t.Fatal("credit for a feed that is over")
			}
			window += c.bytes
		}
		got += len(f.records)
		gaps += len(f.gaps)
	}
	if got != pushed || gaps == 0 || gaps > 10 {
		t.Errorf("%d of %d bytes, %d gaps", got, pushed, gaps)
	}
	if all := window + q.now.owed; all > subscriptionWindow+1<<18 {
		t.Errorf("in the end the node may send %d, the window is %d", all, subscriptionWindow)
	}
}

// BenchmarkReceiveDecode is what Receive costs an event, from the bytes of a
// frame of 1,000 on.
func BenchmarkReceiveDecode(b *testing.B) {
	for _, size := range []int{16, 128, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var m eventnodev1.SubscribeResponse
			for range 1000 {
				m.Envelopes = append(m.Envelopes, envelope(event.New("n", make([]byte, size)), "topic:a"))
			}
			raw := message(b, &m)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			f := new(frame)
			var d eventnode.Delivery
			var decoder wire.Decoder
			for b.Loop() {
				if !f.next(&d, &decoder) {
					f, _, _ = parseFrame(wire.Piece{Data: raw})
				}
			}
		})
	}
}
