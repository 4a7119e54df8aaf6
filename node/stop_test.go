package node_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// foreign is a connection of a program that knows nothing but the protocol.
func foreign(t *testing.T, l *life) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient(l.RPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

type subscribing = grpc.BidiStreamingClient[eventnodev1.SubscribeRequest, eventnodev1.SubscribeResponse]

// subscribed opens a subscription whose client gives no credit yet.
func subscribed(t *testing.T, cc *grpc.ClientConn) subscribing {
	t.Helper()
	s, err := eventnodev1.NewDispatchServiceClient(cc).Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	window := uint64(0)
	err = s.Send(&eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Open{
		Open: &eventnodev1.OpenSubscription{Subscription: 1, Topics: []string{"topic:a"}, Window: &window}}})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := s.Recv(); err != nil || m.GetOpened() == nil {
		t.Fatalf("%v, %v", m, err)
	}
	return s
}

// next receives, or fails the test.
func next(t *testing.T, s subscribing) *eventnodev1.SubscribeResponse {
	t.Helper()
	m, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ask sends a request.
func ask(t *testing.T, s subscribing, req *eventnodev1.SubscribeRequest) {
	t.Helper()
	if err := s.Send(req); err != nil {
		t.Fatal(err)
	}
}

// A node that stops says so to load balancers and to each stream, serves what is open until
// the client has drained it, and then ends: what was queued is not lost.
func TestStopWaitsForClients(t *testing.T) {
	t.Parallel()
	l := live(t, node.Config{ID: "n1", HTTPAddress: "127.0.0.1:0", StopTimeout: time.Hour})
	<-l.Ready()
	cc := foreign(t, l)
	s := subscribed(t, cc)
	for _, name := range []string{"one", "two"} {
		if _, err := l.Dispatch(t.Context(), "topic:a", event.New(name, nil)); err != nil {
			t.Fatal(err)
		}
	}
	health, err := healthpb.NewHealthClient(cc).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := health.Recv(); err != nil || m.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatal(m, err)
	}
	l.stop()
	if m := next(t, s); !m.GetMoving() {
		t.Fatalf("got %v, want the word that the node goes away", m)
	}
	if m, err := health.Recv(); err != nil || m.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Error(m, err)
	}
	resp, err := http.Get("http://" + l.HTTPAddress() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "stopping") {
		t.Errorf("readyz: %d, %s", resp.StatusCode, body)
	}
	if _, err := l.Dispatch(t.Context(), "topic:a", event.New("three", nil)); err != nil {
		t.Fatal(err)
	}
	ask(t, s, &eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Close{
		Close: &eventnodev1.CloseSubscription{Subscription: 1, Drain: true}}})
	ask(t, s, &eventnodev1.SubscribeRequest{Request: &eventnodev1.SubscribeRequest_Credit{
		Credit: &eventnodev1.SubscriptionCredit{Subscription: 1, Bytes: 1 << 20}}})
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for {
		m := next(t, s)
		for _, e := range m.GetEnvelopes() {
			names = append(names, e.GetEvent().GetName())
		}
		if m.GetClosed() != nil {
			break
		}
	}
	if got := strings.Join(names, " "); got != "one two three" {
		t.Errorf("got %s", got)
	}
	if m, err := s.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("%v, %v, want the end", m, err)
	}
	if err := l.ended(t); err != nil {
		t.Error(err)
	}
}

// A client that does not go holds a node up for no longer than the stop's bound, and the log
// says that there was one.
func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	var log logged
	l := live(t, node.Config{ID: "n1", StopTimeout: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	<-l.Ready()
	s := subscribed(t, foreign(t, l))
	l.stop()
	if m := next(t, s); !m.GetMoving() {
		t.Fatal(m)
	}
	if m, err := s.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("%v, %v, want UNAVAILABLE", m, err)
	}
	if err := l.ended(t); err != nil {
		t.Error(err)
	}
	if !log.has("did not go to other nodes in time") || !log.has("streams=1") {
		t.Error("the log does not say who was waited for")
	}
}
