package dispatch

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// windowOf is what a message takes of a window, as the protocol says.
func windowOf(m *eventnodev1.SubscribeResponse) (n int) {
	if len(m.GetEnvelopes())+len(m.GetGaps()) == 0 {
		return 0
	}
	for _, e := range m.GetEnvelopes() {
		n += 1 + protowire.SizeBytes(proto.Size(e))
	}
	return n + 64*(1+len(m.GetGaps()))
}

// credit is the request that gives it.
func credit(number, bytes uint64) *eventnodev1.SubscribeRequest {
	return &eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Credit{
		Credit: &eventnodev1.SubscriptionCredit{Subscription: number, Bytes: bytes}}}
}

// A subscription whose window is used up waits, and those beside it on the stream
// go on. With credit, and with credit in small pieces, everything comes, in
// order: events, and the gap of those that its queue dropped meanwhile.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const window, n, room = 1000, 200, 100
		openWith(t, stream, &eventnodev1.OpenSubscription{
			Subscription: 1, Topics: []string{"topic:a"}, Window: proto.Uint64(window), QueueEvents: room})
		openWith(t, stream, &eventnodev1.OpenSubscription{Subscription: 2, Topics: []string{"topic:a"}})
		p := c.nodes[0].publisher()
		for i := range n {
			dispatch(t, p, fmt.Sprint(i), "topic:a")
			synctest.Wait()
		}
		var names []string
		var gap, used, others int
		read := func() {
			m, err := stream.Recv()
			switch {
			case err != nil:
				t.Fatal(err)
			case m.GetSubscription() == 2:
				others += len(m.GetEnvelopes())
				return
			}
			used += windowOf(m)
			for _, g := range m.GetGaps() {
				gap += int(g.GetCount())
			}
			for _, e := range m.GetEnvelopes() {
				names = append(names, e.GetEvent().GetName())
			}
		}
		for others < n {
			read()
		}
		before := len(names)
		if used < window || used > window+200 {
			t.Errorf("used %d bytes of a window of %d", used, window)
		}
		granted := window
		for len(names) < before+room {
			if err := stream.Send(credit(1, 300)); err != nil {
				t.Fatal(err)
			}
			for granted += 300; used < granted && len(names) < before+room; {
				read()
			}
			if used > granted+200 {
				t.Fatalf("used %d bytes of %d", used, granted)
			}
		}
		if want := n - before - room; gap != want {
			t.Errorf("told of %d missing events, %d are", gap, want)
		}
		for i, name := range names {
			want := fmt.Sprint(i)
			if i >= before {
				want = fmt.Sprint(n - room + i - before)
			}
			if name != want {
				t.Fatalf("event %d is %s, want %s", i, name, want)
			}
		}
		// Credit for what has no window, or is not there, changes nothing.
		for _, number := range []uint64{2, 3} {
			if err := stream.Send(credit(number, 1<<63)); err != nil {
				t.Fatal(err)
			}
		}
		dispatch(t, p, "last", "topic:a")
		read()
	})
}

// Credit has a bound, whatever the client says.
func TestWindowIsBounded(t *testing.T) {
	w := newWindow(&eventnodev1.OpenSubscription{Window: proto.Uint64(1 << 63)})
	if w.add(1<<63) || w.left() != maxWindow {
		t.Errorf("%d bytes left", w.left())
	}
	w.bytes = -5
	if w.add(5) || !w.add(1) {
		t.Error("sending goes on from 1 byte on")
	}
}

// What waits for credit can be closed, and does not keep a node from going.
func TestCloseWithoutWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &testNode{c: &cluster{t: t}}
		d, err := New(Config{Self: "n1"})
		if err != nil {
			t.Fatal(err)
		}
		n.Dispatcher = d
		client, _ := serve(t, n, nil)
		ctx, stop := context.WithCancel(t.Context())
		go func() { _ = d.Run(ctx) }()
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for number := range uint64(2) {
			openWith(t, stream, &eventnodev1.OpenSubscription{Subscription: number + 1, Topics: []string{"topic:a"}, Window: proto.Uint64(0)})
		}
		dispatch(t, n.publisher(), "e", "topic:a")
		synctest.Wait()
		if err := stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Close{
			Close: &eventnodev1.CloseSubscription{Subscription: 1}}}); err != nil {
			t.Fatal(err)
		}
		if m, err := stream.Recv(); err != nil || m.GetSubscription() != 1 || m.GetClosed().GetReason() != "CLOSED" {
			t.Fatalf("%v, %v", m, err)
		}
		stop()
		if m, err := stream.Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("%v, %v, want UNAVAILABLE", m, err)
		}
	})
}
