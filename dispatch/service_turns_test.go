package dispatch

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Subscriptions of a busy stream open and close, over and over: each is told
// once that it opened and once that it closed, nothing comes after that, and
// the stream stays.
func TestStreamChurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		defer func() { stop(); busy.Wait() }()
		busy.Go(func() {
			p := c.nodes[0].publisher()
			for ctx.Err() == nil {
				dispatch(t, p, "x", "topic:a")
				time.Sleep(time.Microsecond)
			}
		})
		const n = 300
		busy.Go(func() {
			for i := range uint64(n) {
				if ctx.Err() != nil {
					return
				}
				_ = stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Open{
					Open: &eventnodev1.OpenSubscription{Subscription: i + 1, Topics: []string{"topic:a"}}}})
				time.Sleep(time.Duration(i%7) * time.Microsecond)
				_ = stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Close{
					Close: &eventnodev1.CloseSubscription{Subscription: i + 1}}})
			}
		})
		opened, closed := map[uint64]bool{}, map[uint64]bool{}
		for len(closed) < n {
			resp, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			s := resp.GetSubscription()
			if closed[s] || (opened[s] && resp.GetOpened() != nil) || (!opened[s] && len(resp.GetEnvelopes()) > 0) {
				t.Fatalf("opened %v, closed %v: %v", opened[s], closed[s], resp)
			}
			opened[s] = opened[s] || resp.GetOpened() != nil
			closed[s] = resp.GetClosed() != nil
			if !closed[s] {
				delete(closed, s)
			}
		}
		stop()
		synctest.Wait()
		if n := c.nodes[0].Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions left", n)
		}
	})
}

// A client that does not read its refusals is not read from.
func TestManyRefusedSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, Config{})
		client, _ := serve(t, c.nodes[0], nil)
		stream, err := client.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const n = 3 * maxUnsent
		go func() {
			for i := range uint64(n) {
				_ = stream.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Open{
					Open: &eventnodev1.OpenSubscription{Subscription: i + 1, Topics: []string{"bad"}}}})
			}
		}()
		synctest.Wait()
		for i := range uint64(n) {
			resp, err := stream.Recv()
			if err != nil || resp.GetSubscription() != i+1 || resp.GetClosed().GetReason() != "BAD_TOPIC" {
				t.Fatalf("%v, %v", resp, err)
			}
		}
	})
}

// fakeStream notes what is sent.
type fakeStream struct {
	grpc.ServerStream
	sent []*eventnodev1.SubscribeResponse
}

func (f *fakeStream) Send(r *eventnodev1.SubscribeResponse) error {
	f.sent = append(f.sent, r)
	return nil
}
func (f *fakeStream) Recv() (*eventnodev1.SubscribeRequest, error) { return nil, io.EOF }

// A client closes a subscription at the moment of its turn: that ends it, not
// the stream.
func TestCloseInTurn(t *testing.T) {
	c := newCluster(t, 1, Config{})
	f := &fakeStream{}
	ss := &subscribeStream{d: c.nodes[0].Dispatcher, stream: f, subs: map[uint64]*streamSub{}, more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	if err := ss.open(t.Context(), &eventnodev1.OpenSubscription{Subscription: 1, Topics: []string{"topic:a"}}); err != nil {
		t.Fatal(err)
	}
	ss.openers.Wait()
	in, err := ss.next()
	if err != nil || ss.serve(in) != nil { // opened
		t.Fatal(err)
	}
	if in, err = ss.next(); err != nil || in.sub == nil {
		t.Fatal(err)
	}
	ss.close(1)
	if err := ss.serve(in); err != nil {
		t.Fatalf("the stream ended: %v", err)
	}
	if n := len(f.sent); n != 2 || f.sent[1].GetClosed().GetReason() != "CLOSED" {
		t.Errorf("sent %v", f.sent)
	}
	if in, _ = ss.next(); in.sub != nil {
		t.Error("it is in turn after its end")
	}
}
