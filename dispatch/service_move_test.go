package dispatch

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// drained reads what comes of a subscription until it is closed, and gives credit.
func drained(t *testing.T, stream grpc.BidiStreamingClient[eventnodev1.SubscribeRequest, eventnodev1.SubscribeResponse], number uint64) (names []string, gaps int) {
	t.Helper()
	for {
		m, err := stream.Recv()
		if err != nil || m.GetSubscription() != number {
			t.Fatalf("%v, %v", m, err)
		}
		gaps += len(m.GetGaps())
		for _, e := range m.GetEnvelopes() {
			names = append(names, e.GetEvent().GetName())
		}
		if c := m.GetClosed(); c != nil {
			if c.GetReason() != "CLOSED" {
				t.Error(c)
			}
			return names, gaps
		}
		if err := stream.Send(credit(number, 100)); err != nil {
			t.Fatal(err)
		}
	}
}

// A subscription that is closed with drain leaves its topics at once, and ends when all
// that was queued is sent, with what publishers wait to put into the queue, and only as fast
// as the client gives credit. The half-closed stream ends with it.
func TestDrain(t *testing.T) {
	for _, bytes := range []uint64{100, 1 << 20} {
		drain(t, bytes)
	}
}

func drain(t *testing.T, bytes uint64) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const queued, blocked = 10, 5
		openWith(t, stream, &eventnodev1.OpenSubscription{
			Subscription: 1, Topics: []string{"topic:a"}, Window: proto.Uint64(0), QueueEvents: queued, Policy: eventnodev1.Policy_POLICY_BLOCK})
		var want []string
		for i := range queued + blocked {
			name := fmt.Sprint(i)
			if want = append(want, name); i < queued {
				dispatch(t, c.nodes[0].publisher(), name, "topic:a")
				continue
			}
			p := c.nodes[0].publisher()
			go func() { _, _ = p.Dispatch(t.Context(), "topic:a", event.New(name, nil)) }()
			synctest.Wait()
		}
		if err := stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Close{
			Close: &eventnodev1.CloseSubscription{Subscription: 1, Drain: true}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		dispatch(t, c.nodes[0].publisher(), "later", "topic:a")
		if err := stream.Send(credit(1, bytes)); err != nil {
			t.Fatal(err)
		}
		names, gaps := drained(t, stream, 1)
		slices.Sort(names[queued:]) // who waits has no order
		if want := slices.Concat(want[:queued], slices.Sorted(slices.Values(want[queued:]))); !slices.Equal(names, want) || gaps > 0 {
			t.Errorf("got %v and %d gaps, want %v", names, gaps, want)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if m, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("%v, %v, want the end", m, err)
		}
	})
}

// What is not there, or has nothing queued, drains at once; what was drained may be closed.
func TestDrainOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for number := range uint64(2) {
			openWith(t, stream, &eventnodev1.OpenSubscription{Subscription: number + 1, Topics: []string{"topic:a"}, Window: proto.Uint64(0)})
		}
		dispatch(t, c.nodes[0].publisher(), "e", "topic:a")
		closing := func(number uint64, drain bool) {
			t.Helper()
			if err := stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Close{
				Close: &eventnodev1.CloseSubscription{Subscription: number, Drain: drain}}}); err != nil {
				t.Fatal(err)
			}
		}
		closing(7, true)
		closing(1, true)
		closing(1, false)
		if names, _ := drained(t, stream, 1); len(names) > 0 {
			t.Errorf("got %v of what was closed", names)
		}
		openWith(t, stream, &eventnodev1.OpenSubscription{Subscription: 1, Topics: []string{"topic:b"}})
		closing(1, true)
		if names, gaps := drained(t, stream, 1); len(names)+gaps > 0 {
			t.Errorf("got %v", names)
		}
		synctest.Wait()
		if n := c.nodes[0].Stats().Subscriptions; n != 1 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
}

// A node that goes away says so once on each stream, also on those where events come all the
// time, and goes on to serve who stays.
func TestSendAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		openWith(t, stream, &eventnodev1.OpenSubscription{Subscription: 1, Topics: []string{"topic:a"}, Policy: eventnodev1.Policy_POLICY_BLOCK})
		pub, err := client.DispatchStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const n = 2000
		go func() {
			for i := range n {
				ev := event.New(fmt.Sprint(i), nil)
				_ = pub.Send(&eventnodev1.DispatchStreamRequest{Envelopes: []*eventnodev1.Envelope{{Topics: []string{"topic:a"}, Event: wire.ToProto(&ev)}}})
				if i == n/2 {
					c.nodes[0].SendAway()
					c.nodes[0].SendAway()
				}
			}
			_ = pub.CloseSend()
		}()
		told, got := 0, 0
		for got < n {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if got += len(m.GetEnvelopes()); m.GetMoving() {
				told++
			}
		}
		toldPub, handled := 0, uint64(0)
		for {
			m, err := pub.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if handled = max(handled, m.GetHandled()); m.GetMoving() {
				toldPub++
			}
		}
		if told != 1 || toldPub != 1 || handled != n {
			t.Errorf("told %d and %d times; %d of %d handled", told, toldPub, handled, n)
		}
	})
}
