package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// serve serves a node's dispatcher in memory and returns a plain protobuf
// client.
func serve(t testing.TB, n *testNode, remote ListRemote) (eventnodev1.DispatchServiceClient, *grpc.ClientConn) {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.ForceServerCodecV2(wire.NewCodec()), grpc.MaxRecvMsgSize(16<<20))
	eventnodev1.RegisterDispatchServiceServer(server, NewService(n.Dispatcher, remote))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///n",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return eventnodev1.NewDispatchServiceClient(conn), conn
}

// envelope makes an envelope message.
func envelope(name string, topics ...string) *eventnodev1.Envelope {
	ev := event.New(name, nil)
	return &eventnodev1.Envelope{Topics: topics, Event: wire.ToProto(&ev)}
}

// open opens subscription number on a stream and waits for the answer.
func open(t *testing.T, stream eventnodev1.DispatchService_SubscribeClient, number uint64, topics ...string) *eventnodev1.SubscribeResponse {
	t.Helper()
	return openWith(t, stream, &eventnodev1.OpenSubscription{Subscription: number, Topics: topics})
}

func openWith(t *testing.T, stream eventnodev1.DispatchService_SubscribeClient, o *eventnodev1.OpenSubscription) *eventnodev1.SubscribeResponse {
	t.Helper()
	if err := stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Open{Open: o}}); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetSubscription() != o.GetSubscription() {
		t.Fatalf("answer for %d", resp.GetSubscription())
	}
	return resp
}

// A publisher's stream on one node, a subscriber's on another: order, refusals
// by number, receipts.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{})
		pub, _ := serve(t, c.nodes[0], nil)
		sub, _ := serve(t, c.nodes[1], nil)
		events, err := sub.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if o := open(t, events, 7, "topic:a", "topic:b").GetOpened(); o.GetNodes() != 2 || len(o.GetMissing()) != 0 {
			t.Errorf("opened %v", o)
		}
		stream, err := pub.DispatchStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		send := func(req *eventnodev1.DispatchStreamRequest) {
			t.Helper()
			if err := stream.Send(req); err != nil {
				t.Fatal(err)
			}
		}
		send(&eventnodev1.DispatchStreamRequest{Envelopes: []*eventnodev1.Envelope{
			envelope("e1", "topic:a"), envelope("e2", "bad"), envelope("e3", "topic:b", "topic:a")}})
		send(&eventnodev1.DispatchStreamRequest{Tracked: []*eventnodev1.TrackedEnvelope{
			{Envelope: envelope("e4", "topic:a")}, {Envelope: envelope("e5", "topic:*")},
			{Envelope: envelope("e6", "topic:a"), Timeout: durationpb.New(-1)}}})
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		var handled uint64
		var refused []string
		var receipts []*eventnodev1.NumberedReceipt
		for {
			resp, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			handled = resp.GetHandled()
			for _, r := range resp.GetRefusals() {
				refused = append(refused, fmt.Sprint(r.GetNumber(), " ", r.GetReason()))
			}
			receipts = append(receipts, resp.GetReceipts()...)
		}
		if want := []string{"2 BAD_TOPIC", "5 BAD_TOPIC", "6 INVALID_ARGUMENT"}; handled != 6 || !slices.Equal(refused, want) {
			t.Errorf("handled %d, refused %v", handled, refused)
		}
		if len(receipts) != 1 || receipts[0].GetNumber() != 4 || receipts[0].GetReceipt().GetReached() != 1 ||
			receipts[0].GetReceipt().GetNodes()[0].GetNode() != "n2" {
			t.Errorf("receipts %v", receipts)
		}
		if got := receiveNames(t, events, 7, 3); !slices.Equal(got, []string{"e1", "e3", "e4"}) {
			t.Errorf("got %v", got)
		}
	})
}

// receiveNames receives n events of one subscription.
func receiveNames(t *testing.T, stream eventnodev1.DispatchService_SubscribeClient, number uint64, n int) (names []string) {
	t.Helper()
	for len(names) < n {
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetSubscription() != number {
			t.Fatalf("frame for %d", resp.GetSubscription())
		}
		for _, e := range resp.GetEnvelopes() {
			names = append(names, e.GetEvent().GetName())
		}
	}
	return names
}

// One dispatch by call, with and without a receipt, and its refusals.
func TestDispatchCall(t *testing.T) {
	c := newCluster(t, 2, Config{})
	client, _ := serve(t, c.nodes[0], nil)
	c.nodes[0].subscribe([]string{"topic:a"})
	s := c.nodes[1].subscribe([]string{"topic:a"})
	if _, err := client.Dispatch(t.Context(), &eventnodev1.DispatchRequest{Envelope: envelope("one", "topic:a")}); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Dispatch(t.Context(), &eventnodev1.DispatchRequest{Envelope: envelope("two", "topic:a"), Receipt: true})
	if err != nil || resp.GetReceipt().GetReached() != 2 || len(resp.GetReceipt().GetNodes()) != 2 {
		t.Errorf("%v, %v", resp, err)
	}
	if got := names(t, s); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("got %v", got)
	}
	for _, receipt := range []bool{false, true} {
		for name, tc := range map[string]struct {
			req  *eventnodev1.Envelope
			want error
		}{
			"unknown kind": {envelope("x", "room:a"), eventnode.ErrBadTopic},
			"no topic":     {envelope("x"), eventnode.ErrBadTopic},
			"nothing":      {nil, eventnode.ErrInvalidEvent},
			"nameless":     {envelope("", "topic:a"), eventnode.ErrInvalidEvent},
		} {
			_, err := client.Dispatch(t.Context(), &eventnodev1.DispatchRequest{Envelope: tc.req, Receipt: receipt})
			if !errors.Is(apierr.FromStatus(err), tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
	}
}

// Garbage ends the stream with InvalidArgument, and the node goes on serving.
func TestGarbageFrames(t *testing.T) {
	c := newCluster(t, 1, Config{})
	client, conn := serve(t, c.nodes[0], nil)
	method := eventnodev1.DispatchService_DispatchStream_FullMethodName
	mixed := wire.AppendEnvelope([]byte{0x0a, 0x00}, []string{"topic:a"}, new(event.New("x", nil)))
	for name, frame := range map[string][]byte{
		"cut record":     {15<<3 | 2, 100, 1},
		"no field":       {0xff, 0xff, 0xff},
		"mixed":          mixed,
		"tracked is bad": {0x0a, 0x02, 0x0a, 0x05},
	} {
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method, grpc.ForceCodecV2(wire.NewCodec()))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(&wire.Frame{Head: frame}); err != nil {
			t.Fatal(err)
		}
		var f wire.Frame
		if err := stream.RecvMsg(&f); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client.Dispatch(t.Context(), &eventnodev1.DispatchRequest{Envelope: envelope("x", "topic:a")}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// What is malformed, or not UTF-8, inside an envelope that wants a receipt is refused alone.
func TestBrokenTrackedEnvelopes(t *testing.T) {
	c := newCluster(t, 1, Config{})
	_, conn := serve(t, c.nodes[0], nil)
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
		eventnodev1.DispatchService_DispatchStream_FullMethodName, grpc.ForceCodecV2(wire.NewCodec()))
	if err != nil {
		t.Fatal(err)
	}
	good := event.New("good", nil)
	frame := []byte{0x0a, 0x04, 0x0a, 0x02, 0x0a, 0x05} // the topic is cut
	frame = wire.AppendTracked(frame, []string{"topic:\xff"}, &good, 0)
	frame = wire.AppendTracked(frame, []string{"topic:a"}, new(event.New("\xff", nil)), 0)
	frame = wire.AppendTracked(frame, []string{"topic:a"}, &good, 0)
	if err := stream.SendMsg(&wire.Frame{Head: frame}); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var refused, receipts []string
	for {
		var resp eventnodev1.DispatchStreamResponse
		if err := stream.RecvMsg(&resp); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, r := range resp.GetRefusals() {
			refused = append(refused, fmt.Sprint(r.GetNumber(), " ", r.GetReason()))
		}
		for _, r := range resp.GetReceipts() {
			receipts = append(receipts, fmt.Sprint(r.GetNumber()))
		}
	}
	if want := []string{"1 INVALID_EVENT", "2 BAD_TOPIC", "3 INVALID_EVENT"}; !slices.Equal(refused, want) || !slices.Equal(receipts, []string{"4"}) {
		t.Errorf("refused %v, receipts of %v", refused, receipts)
	}
}

// What a client must not ask of a Subscribe stream ends it; what is only one
// subscription's mistake ends that one.
func TestSubscribeMistakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{MaxQueueEvents: 100, MaxTopicsPerSubscription: 2})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, tc := range []struct {
			open *eventnodev1.OpenSubscription
			want string
		}{
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:>.a"}}, "BAD_TOPIC"},
			{&eventnodev1.OpenSubscription{}, "INVALID_ARGUMENT"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:a"}, QueueGroup: "a b"}, "INVALID_ARGUMENT"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:a"}, QueueGroup: "a\x01"}, "INVALID_ARGUMENT"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:a"}, QueueGroup: strings.Repeat("g", 65)}, "LIMIT"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:" + strings.Repeat("a", 240)}, QueueGroup: "0123456789"}, "BAD_TOPIC"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:a"}, QueueEvents: 101}, "LIMIT"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:a"}, QueueBytes: 1 << 63}, "LIMIT"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:a"}, MaxBlock: durationpb.New(time.Hour)}, "LIMIT"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:a"}, Policy: 77}, "INVALID_ARGUMENT"},
			{&eventnodev1.OpenSubscription{Topics: []string{"topic:a", "topic:b", "topic:c"}}, "LIMIT"},
		} {
			tc.open.Subscription = uint64(i + 1)
			closed := openWith(t, stream, tc.open).GetClosed()
			if closed.GetReason() != tc.want || closed.GetMessage() == "" {
				t.Errorf("%v: closed %v, want %s", tc.open, closed, tc.want)
			}
		}
		if n := c.nodes[0].Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions left", n)
		}
		if open(t, stream, 1, "topic:a").GetOpened() == nil { // the number is free again
			t.Error("not opened")
		}
		if g := openWith(t, stream, &eventnodev1.OpenSubscription{Subscription: 2, Topics: []string{"topic:a"}, QueueGroup: "g"}).GetOpened().GetQueueGroup(); g != "g" {
			t.Errorf("opened as member of %q", g)
		}
		for name, req := range map[string]*eventnodev1.SubscribeRequest{
			"unknown kind": {},
			"number 0":     {Request: &eventnodev1.SubscribeRequest_Open{Open: &eventnodev1.OpenSubscription{Topics: []string{"topic:a"}}}},
		} {
			other, err := client.Subscribe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_ = other.Send(req)
			if _, err := other.Recv(); status.Code(err) != codes.InvalidArgument {
				t.Errorf("%s: %v", name, err)
			}
		}
		_ = stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Open{
			Open: &eventnodev1.OpenSubscription{Subscription: 1, Topics: []string{"topic:a"}}}})
		if _, err := stream.Recv(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("number in use: %v", err)
		}
		synctest.Wait()
		if n := c.nodes[0].Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions left after the streams", n)
		}
	})
}

// Many subscriptions on a stream: each gets its own; closing one leaves the
// others; half-closing ends the stream with the last.
func TestManySubscriptionsOnAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(20) {
			open(t, stream, i+1, "topic:"+strconv.Itoa(int(i)), "topic:all")
		}
		closeOne := func(n uint64) {
			t.Helper()
			_ = stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Close{
				Close: &eventnodev1.CloseSubscription{Subscription: n}}})
			resp, err := stream.Recv()
			if err != nil || resp.GetSubscription() != n || resp.GetClosed().GetReason() != "CLOSED" {
				t.Fatalf("close %d: %v, %v", n, resp, err)
			}
		}
		p := c.nodes[0].publisher()
		dispatch(t, p, "five", "topic:5")
		if got := receiveNames(t, stream, 6, 1); !slices.Equal(got, []string{"five"}) {
			t.Errorf("got %v", got)
		}
		closeOne(6)
		dispatch(t, p, "all", "topic:all", "topic:5", "topic:6")
		seen := map[uint64]int{}
		for range 19 {
			resp, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			seen[resp.GetSubscription()] += len(resp.GetEnvelopes())
		}
		if len(seen) != 19 || seen[6] != 0 || seen[7] != 1 {
			t.Errorf("seen %v", seen)
		}
		for i := range uint64(18) {
			if i != 5 {
				closeOne(i + 1)
			}
		}
		// Those that end now are told apart from those of which the client
		// never hears again.
		closeOne(19)
		_ = stream.CloseSend()
		dispatch(t, p, "last", "topic:all")
		if got := receiveNames(t, stream, 20, 1); !slices.Equal(got, []string{"last"}) {
			t.Errorf("after half-closing: %v", got)
		}
		for _, s := range c.nodes[0].all() {
			s.shut(eventnode.ErrSlowSubscriber)
		}
		if resp, err := stream.Recv(); err != nil || resp.GetClosed().GetReason() != "SLOW_SUBSCRIBER" {
			t.Errorf("%v, %v", resp, err)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream's end: %v", err)
		}
	})
}

// A client that does not read fills its own queue; the gap that it then reads
// has the exact count.
func TestSlowStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		openWith(t, stream, &eventnodev1.OpenSubscription{Subscription: 1, Topics: []string{"topic:a"}, QueueEvents: 100})
		other := c.nodes[0].subscribe([]string{"topic:a"}, eventnode.WithQueue(1<<20, 64<<20))
		p := c.nodes[0].publisher()
		const total = 20000
		ev := event.New("x", make([]byte, 100))
		for i := range total {
			ev.Name = strconv.Itoa(i + 1)
			if _, err := p.Dispatch(t.Context(), "topic:a", ev); err != nil {
				t.Fatal(err)
			}
			if i%1000 == 0 {
				synctest.Wait()
			}
		}
		time.Sleep(30 * time.Second)
		if got := len(names(t, other)); got != total {
			t.Errorf("the other subscription got %d", got)
		}
		var f follow
		gaps := 0
		for f.last+f.missing < total {
			resp, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range resp.GetGaps() {
				gaps++
				f.missing += int(g.GetCount())
			}
			for _, e := range resp.GetEnvelopes() {
				n, _ := strconv.Atoi(e.GetEvent().GetName())
				if n != f.last+f.missing+1 {
					t.Fatalf("event %d after %d and a gap of %d", n, f.last, f.missing)
				}
				f.last, f.missing = n, 0
			}
		}
		if gaps == 0 || f.last != total {
			t.Errorf("%d gaps, last event %d", gaps, f.last)
		}
	})
}

// A frame full of refusals is answered in parts, and a client that does not
// read them is not read from either.
func TestManyRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.DispatchStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const n = 3 * maxUnsent
		req := &eventnodev1.DispatchStreamRequest{}
		for range n {
			req.Envelopes = append(req.Envelopes, &eventnodev1.Envelope{})
		}
		go func() {
			_ = stream.Send(req)
			_ = stream.CloseSend()
		}()
		var handled, refused uint64
		for {
			resp, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.GetRefusals()) > maxUnsent {
				t.Fatalf("%d refusals in one response", len(resp.GetRefusals()))
			}
			for _, r := range resp.GetRefusals() {
				if refused++; r.GetNumber() != refused || r.GetNumber() > resp.GetHandled() {
					t.Fatalf("refusal %d of number %d, handled %d", refused, r.GetNumber(), resp.GetHandled())
				}
			}
			if handled = resp.GetHandled(); handled != refused {
				t.Fatalf("handled %d, told %d: a client that waits for the former misses refusals", handled, refused)
			}
		}
		if handled != n || refused != n {
			t.Errorf("handled %d, refused %d", handled, refused)
		}
	})
}

// A node that goes away ends its streams with Unavailable, so that clients go
// elsewhere.
func TestStreamsOfANodeThatEnds(t *testing.T) {
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
		events, _ := client.Subscribe(t.Context())
		open(t, events, 1, "topic:a")
		publish, _ := client.DispatchStream(t.Context())
		synctest.Wait()
		stop()
		if _, err := events.Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("Subscribe: %v", err)
		}
		if _, err := publish.Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("DispatchStream: %v", err)
		}
	})
}

func TestListSubscriptions(t *testing.T) {
	c := newCluster(t, 1, Config{})
	client, _ := serve(t, c.nodes[0], func(_ context.Context, topic string) ([]eventnode.SubscriptionInfo, []eventnode.NodeID) {
		return []eventnode.SubscriptionInfo{{Node: "n2", Topics: []string{topic}, Policy: "disconnect"}}, []eventnode.NodeID{"n3"}
	})
	s := c.nodes[0].subscribe([]string{"topic:b", "topic:a"}, eventnode.WithHolder("test"), eventnode.WithPolicy(eventnode.PolicyBlock))
	c.nodes[0].subscribe([]string{"topic:c"})
	dispatch(t, c.nodes[0].publisher(), "x", "topic:a")
	_ = s
	resp, err := client.ListSubscriptions(t.Context(), &eventnodev1.ListSubscriptionsRequest{Topic: "topic:a"})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.GetSubscriptions()) != 2 || !slices.Equal(resp.GetMissing(), []string{"n3"}) {
		t.Fatalf("got %v", resp)
	}
	i := resp.GetSubscriptions()[0]
	if i.GetHolder() != "test" || i.GetPolicy() != eventnodev1.Policy_POLICY_BLOCK || i.GetNode() != "n1" ||
		!slices.Equal(i.GetTopics(), []string{"topic:a", "topic:b"}) || i.GetQueuedEvents() != 1 || i.GetDelivered() != 1 || i.GetQueuedBytes() == 0 {
		t.Errorf("got %v", i)
	}
	if p := resp.GetSubscriptions()[1].GetPolicy(); p != eventnodev1.Policy_POLICY_DISCONNECT {
		t.Errorf("policy %v", p)
	}
	resp, err = client.ListSubscriptions(t.Context(), &eventnodev1.ListSubscriptionsRequest{Local: true})
	if err != nil || len(resp.GetSubscriptions()) != 2 || len(resp.GetMissing()) != 0 {
		t.Errorf("%v, %v", resp, err)
	}
	if _, err := client.ListSubscriptions(t.Context(), &eventnodev1.ListSubscriptionsRequest{Topic: "a"}); !errors.Is(apierr.FromStatus(err), eventnode.ErrBadTopic) {
		t.Errorf("bad topic: %v", err)
	}
}
