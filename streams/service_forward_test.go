package streams

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// listening is a connection that notes the metadata of its calls.
type listening struct {
	grpc.ClientConnInterface
	seen []metadata.MD
}

func (l *listening) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	md, _ := metadata.FromOutgoingContext(ctx)
	l.seen = append(l.seen, md)
	return l.ClientConnInterface.NewStream(ctx, desc, method, opts...)
}

// What the caller sent along goes to the leader too, which asks for it as this node
// did.
func TestForwardingKeepsMetadata(t *testing.T) { synctest.Test(t, testForwardingKeepsMetadata) }

func testForwardingKeepsMetadata(t *testing.T) {
	follower, leader, _, _ := withFollower(t)
	l := &listening{ClientConnInterface: leader.conn}
	follower.service.cfg.Forward = func(string) (grpc.ClientConnInterface, error) { return l, nil }
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer secret")
	if _, err := follower.api.ListStreams(ctx, &eventnodev1.ListStreamsRequest{}); err != nil {
		t.Fatal(err)
	}
	if len(l.seen) != 1 || !slices.Equal(l.seen[0].Get("authorization"), []string{"Bearer secret"}) || !slices.Equal(l.seen[0].Get(forwardedKey), []string{"n2"}) {
		t.Errorf("seen %v", l.seen)
	}
	for key := range l.seen[0] {
		if key == "grpc-accept-encoding" {
			t.Errorf("a header of the other connection: %s", key)
		}
	}
}

// Any node answers: one that does not lead forwards, once, and says where the
// leader is.
func TestFollowersForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		follower, leader, _, _ := withFollower(t)
		for method, err := range follower.all(t.Context()) {
			if err != nil {
				t.Errorf("%s: %v", method, err)
			}
		}
		if calls, forwards := leader.calls.Load(), follower.forwards.Load(); calls != 8 || forwards != 8 {
			t.Errorf("%d calls, %d forwarded", calls, forwards)
		}
		follower.declare(t, "a", nil)
		batches := []*eventnodev1.PublishBatch{{Stream: streamName("a"), Envelopes: events("1", "2")}, {Stream: streamName("b"), Envelopes: events("1")}}
		resp, err := follower.api.Publish(t.Context(), &eventnodev1.PublishRequest{Batches: batches})
		if err != nil || resp.GetLeaderAddress() != "addr-n1" || resp.GetResults()[0].GetAppended() != 2 || resp.GetResults()[1].GetErrorReason() != "STREAM_NOT_FOUND" {
			t.Errorf("%v, %v", resp, err)
		}
		stream, err := follower.api.PublishStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := stream.Send(&eventnodev1.PublishStreamRequest{Batches: batches}); err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			resp, err := stream.Recv()
			if err != nil || resp.GetLeaderAddress() != "addr-n1" || resp.GetResults()[0].GetAppended() != 2 {
				t.Fatalf("%v, %v", resp, err)
			}
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		read, err := follower.api.Read(t.Context(), &eventnodev1.ReadRequest{Stream: streamName("a")})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := read.Recv(); err != nil || len(m.GetEnvelopes()) != 8 || !m.GetEnd() {
			t.Errorf("%v, %v", m, err)
		}
		_, err = follower.api.StreamInfo(t.Context(), &eventnodev1.StreamInfoRequest{Stream: streamName("b")})
		wantStatus(t, err, codes.NotFound, eventnode.ErrStreamNotFound)
		direct, err := leader.api.Publish(t.Context(), &eventnodev1.PublishRequest{Batches: batches})
		if err != nil || direct.GetLeaderAddress() != "" {
			t.Errorf("%v, %v", direct, err)
		}
	})
}

// A call that was forwarded is not forwarded again, whoever the next node thinks
// leads.
func TestForwardedCallsAreNotForwarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newMemory(t), newMemory(t)
		a.leads.Store(false)
		b.leads.Store(false)
		c := newCluster(t, nil, a, b, newMemory(t))
		target := c.nodes[1]
		target.service.cfg.Leader = func() (Leader, bool) { return Leader{Node: "n3", Address: "addr-n3"}, true }
		c.lead(1)
		for method, err := range c.nodes[0].all(t.Context()) {
			wantStatus(t, err, codes.Unavailable, eventnode.ErrUnavailable)
			if err != nil && !strings.Contains(err.Error(), "the partition has no leader") {
				t.Errorf("%s: %v", method, err)
			}
		}
		if calls, forwards := target.calls.Load(), target.forwards.Load(); calls != 8 || forwards != 0 {
			t.Errorf("%d calls, %d forwarded", calls, forwards)
		}
	})
}

// Without a leader each call says so within a second.
func TestNoLeader(t *testing.T) {
	for name, breakIt := range map[string]func(*testCluster, *memory){
		"nobody leads":        func(c *testCluster, m *memory) { m.leads.Store(false); c.lead(-1) },
		"leader is not ready": func(c *testCluster, m *memory) { m.leads.Store(false) },
		"leader is gone":      func(c *testCluster, m *memory) { m.leads.Store(false); c.lead(7) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(t)
				c := newCluster(t, nil, m)
				breakIt(c, m)
				begun := time.Now()
				for method, err := range c.nodes[0].all(t.Context()) {
					wantStatus(t, err, codes.Unavailable, eventnode.ErrUnavailable)
					if err == nil {
						t.Error(method)
					}
				}
				if took := time.Since(begun); took > 8*time.Second {
					t.Errorf("8 calls took %v", took)
				}
			})
		})
	}
}

// A call waits for a leader that is about to be there.
func TestCallsWaitForALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		m.leads.Store(false)
		time.AfterFunc(leaderWait/2, func() { m.leads.Store(true) })
		n.declare(t, "a", nil)
	})
}

// A producer's stream has its header when a leader has taken it, and not before; without
// one it ends with nothing done.
func TestHeaderSaysThatALeaderHasTakenIt(t *testing.T) {
	for i, name := range []string{"at the leader", "at a follower"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, m, c := withFollower(t)
				api := c.nodes[i].api
				m.leads.Store(false)
				c.lead(-1)
				stream, err := api.PublishStream(aMinute(t))
				if err != nil {
					t.Fatal(err)
				}
				if header, err := stream.Header(); err != nil || header != nil {
					t.Errorf("without a leader: %v, %v", header, err)
				}
				_, err = stream.Recv()
				wantStatus(t, err, codes.Unavailable, eventnode.ErrUnavailable)
				begun := time.Now()
				c.lead(0) // who has not heard of it yet
				time.AfterFunc(leaderWait/2, func() { m.leads.Store(true) })
				if stream, err = api.PublishStream(aMinute(t)); err != nil {
					t.Fatal(err)
				}
				header, err := stream.Header()
				if took := time.Since(begun); err != nil || header == nil || took < leaderWait/2 {
					t.Errorf("after %v: %v, %v", took, header, err)
				}
			})
		})
	}
}

// A leader that stops answering, and is replaced, ends what was forwarded to it: a
// write with no known outcome, a read with nothing done.
func TestForwardedCallsEndWithTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		follower, leader, m, c := withFollower(t)
		leader.declare(t, "a", nil)
		m.hold(true)
		time.AfterFunc(time.Second, func() { c.lead(-1) })
		_, err := follower.api.Publish(aMinute(t), &eventnodev1.PublishRequest{Batches: []*eventnodev1.PublishBatch{{Stream: streamName("a"), Envelopes: events("1")}}})
		wantStatus(t, err, codes.Unknown, eventnode.ErrOutcomeUnknown)
		c.lead(0)
		producer, err := follower.api.PublishStream(aMinute(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := producer.Send(&eventnodev1.PublishStreamRequest{Batches: []*eventnodev1.PublishBatch{{Stream: streamName("a"), Envelopes: events("1")}}}); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { c.lead(-1) })
		_, err = producer.Recv()
		wantStatus(t, err, codes.Unknown, eventnode.ErrOutcomeUnknown)
		c.lead(0)
		stream, err := follower.api.Read(aMinute(t), &eventnodev1.ReadRequest{Stream: streamName("a"), Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := stream.Recv(); err != nil || !m.GetEnd() {
			t.Fatal(m, err)
		}
		c.lead(-1)
		_, err = stream.Recv()
		wantStatus(t, err, codes.Unavailable, eventnode.ErrUnavailable)
	})
}

// A machine that takes no connection costs less than a second.
func TestLeaderOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		follower, _, _, _ := withFollower(t)
		follower.service.cfg.Forward = func(string) (grpc.ClientConnInterface, error) { return deaf{}, nil }
		begun := time.Now()
		for method, err := range follower.all(t.Context()) {
			wantStatus(t, err, codes.Unavailable, eventnode.ErrUnavailable)
			if err == nil {
				t.Error(method)
			}
		}
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("8 calls took %v", took)
		}
	})
}

// deaf is a connection that is not made.
type deaf struct{}

func (deaf) Invoke(ctx context.Context, _ string, _, _ any, _ ...grpc.CallOption) error {
	<-ctx.Done()
	return ctx.Err()
}

func (deaf) NewStream(ctx context.Context, _ *grpc.StreamDesc, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A leader that cannot be reached is not the end of a call while another one may
// come: nothing was sent.
func TestCallsOutliveALeaderThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, other := newMemory(t), newMemory(t)
		m.leads.Store(false)
		other.leads.Store(false)
		c := newCluster(t, nil, m, other)
		c.lead(7) // who cannot be reached
		time.AfterFunc(leaderWait/2, func() {
			m.leads.Store(true)
			c.lead(0)
		})
		c.nodes[1].declare(t, "a", nil)
		if n := c.nodes[1].forwards.Load(); n < 2 {
			t.Errorf("%d connections were asked for", n)
		}
	})
}
