package groups

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// serve runs one node and its service, and returns a client.
func serve(t *testing.T) (*Groups, eventnodev1.GroupServiceClient) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	g, err := New(Config{Self: eventnode.NodeRef{ID: "n1", Epoch: 1}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	lis := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	eventnodev1.RegisterGroupServiceServer(server, NewService(g))
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///n1", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-served
		cancel()
		<-ended
	})
	return g, eventnodev1.NewGroupServiceClient(conn)
}

// stream is a Hold stream under test.
type stream struct {
	t *testing.T
	grpc.BidiStreamingClient[eventnodev1.HoldRequest, eventnodev1.HoldResponse]
	cancel context.CancelFunc
}

func hold0(t *testing.T, client eventnodev1.GroupServiceClient) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	s, err := client.Hold(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &stream{t, s, cancel}
}

func (s *stream) ask(req *eventnodev1.HoldRequest) *eventnodev1.HoldResponse {
	s.t.Helper()
	if err := s.Send(req); err != nil {
		s.t.Fatal(err)
	}
	return s.read()
}

func (s *stream) read() *eventnodev1.HoldResponse {
	s.t.Helper()
	resp, err := s.Recv()
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

func (s *stream) open() uint64 {
	s.t.Helper()
	resp := s.ask(&eventnodev1.HoldRequest{Request: &eventnodev1.HoldRequest_Open{Open: &eventnodev1.OpenMember{QueueEvents: 4}}})
	if resp.GetOpened() == nil {
		s.t.Fatal(resp)
	}
	return resp.GetOpened().GetRef()
}

func (s *stream) join(group string, refs ...uint64) *eventnodev1.HoldResult {
	s.t.Helper()
	return s.ask(&eventnodev1.HoldRequest{Request: &eventnodev1.HoldRequest_Join{Join: &eventnodev1.JoinRequest{
		Entries: []*eventnodev1.GroupRefs{{Group: group, Refs: refs}},
	}}}).GetResult()
}

func (s *stream) leave(group string, refs ...uint64) *eventnodev1.HoldResult {
	s.t.Helper()
	return s.ask(&eventnodev1.HoldRequest{Request: &eventnodev1.HoldRequest_Leave{Leave: &eventnodev1.LeaveRequest{
		Entries: []*eventnodev1.GroupRefs{{Group: group, Refs: refs}},
	}}}).GetResult()
}

func protoEvent(name string) *eventnodev1.Event {
	e := ev(name)
	return wire.ToProto(&e)
}

func TestP6_HoldRefusesMembersOfAnotherStream(t *testing.T) {
	g, client := serve(t)
	a, b := hold0(t, client), hold0(t, client)
	mine, other := a.open(), b.open()
	if res := a.join("g", mine, other); res.GetErrorReason() == "" {
		t.Fatalf("joined another stream's member: %v", res)
	}
	equal(t, "nothing joined", g.Stats().Memberships, 0)
	equal(t, "joined", a.join("g", mine, mine).GetJoined(), 2)
	if res := b.leave("g", mine); res.GetErrorReason() == "" || g.Stats().Memberships != 2 {
		t.Fatalf("left another stream's member: %v", res)
	}
	res := a.leave("g", mine, mine, mine)
	equal(t, "left", fmt.Sprint(res.GetLeft(), res.GetNotJoined()), "2 1")
	if res := a.leave("g", mine); res.GetErrorReason() != "NOT_JOINED" {
		t.Fatalf("leave of nobody: %v", res)
	}
	if resp := a.ask(&eventnodev1.HoldRequest{}); resp.GetResult().GetErrorReason() == "" {
		t.Fatal("an unknown operation was accepted")
	}
}

func TestP8_EndOfTheStreamLeavesEverything(t *testing.T) {
	g, client := serve(t)
	watch, err := g.Scope("").Monitor(t.Context(), "g")
	if err != nil {
		t.Fatal(err)
	}
	s := hold0(t, client)
	a, b := s.open(), s.open()
	s.join("g", a, b, b)
	s.cancel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	joined, err := watch.Next(ctx)
	if err != nil || len(joined.Joined) != 3 {
		t.Fatal(joined, err)
	}
	left, err := watch.Next(ctx)
	if err != nil || len(left.Left) != 3 {
		t.Fatalf("one change: %v, %v", left, err)
	}
}

func TestN2_HoldDelivers(t *testing.T) {
	_, client := serve(t)
	s := hold0(t, client)
	once, twice := s.open(), s.open()
	s.join("g", once, twice, twice)
	resp, err := client.Broadcast(t.Context(), &eventnodev1.BroadcastRequest{Group: "g", Event: protoEvent("e1")})
	equal(t, "broadcast", fmt.Sprint(resp.GetDelivered(), err), "3 <nil>")
	got := map[uint64]int{}
	for len(got) < 2 || got[twice] < 2 {
		d := s.read().GetDelivery()
		equal(t, "event", d.GetEvent().GetName()+d.GetGroup(), "e1g")
		for _, ref := range d.GetRefs() {
			got[ref]++
		}
	}
	equal(t, "once and twice", fmt.Sprint(got[once], got[twice]), "1 2")
	one, err := client.SendOne(t.Context(), &eventnodev1.SendOneRequest{Group: "g", Event: protoEvent("e2"), Strategy: eventnodev1.Strategy_STRATEGY_HASH, HashKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	d := s.read().GetDelivery()
	equal(t, "the chosen one", d.GetRefs(), []uint64{one.GetMember().GetRef()})
}

func TestP10_MonitorStream(t *testing.T) {
	g, client := serve(t)
	m, err := g.NewMember(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Scope("").Join(t.Context(), "g", []eventnode.Member{m}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	mon, err := client.Monitor(ctx, &eventnodev1.MonitorRequest{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := mon.Recv()
	if err != nil || !first.GetSnapshot() || !first.GetSnapshotEnd() || len(first.GetChanges()) != 1 {
		t.Fatal(first, err)
	}
	if err := g.Scope("").SetMeta(t.Context(), "g", m, "x"); err != nil {
		t.Fatal(err)
	}
	second, err := mon.Recv()
	if err != nil || second.GetSnapshot() || string(second.GetChanges()[0].GetUpdated()[0].GetMeta()) != "x" {
		t.Fatal(second, err)
	}
	cancel()
	for n := 1; n > 0; time.Sleep(time.Millisecond) { // its owner is gone: so is it
		_ = g.do(t.Context(), func() { n = len(g.monitors) })
	}
}

func TestP7_ListsInChunks(t *testing.T) {
	g, client := serve(t)
	m, err := g.NewMember(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprint("g", i))
	}
	if _, err := g.Scope("").JoinMany(t.Context(), many, m); err != nil {
		t.Fatal(err)
	}
	list, err := client.Groups(t.Context(), &eventnodev1.GroupsRequest{Local: true})
	if err != nil {
		t.Fatal(err)
	}
	n, chunks := 0, 0
	for {
		resp, err := list.Recv()
		if err != nil {
			break
		}
		n, chunks = n+len(resp.GetGroups()), chunks+1
	}
	equal(t, "groups and chunks", fmt.Sprint(n, chunks), "5000 3")
}

// Bad input is an error to the one who sent it.
func TestP19x_BadRequests(t *testing.T) {
	_, client := serve(t)
	_, err := client.Broadcast(t.Context(), &eventnodev1.BroadcastRequest{Group: "g", Event: &eventnodev1.Event{Name: "no id"}})
	equal(t, "event without id", status.Code(err), codes.InvalidArgument)
	_, err = client.Broadcast(t.Context(), &eventnodev1.BroadcastRequest{Scope: "eventnode.topics", Group: "g", Event: protoEvent("e")})
	equal(t, "reserved scope", status.Code(err), codes.InvalidArgument)
	_, err = client.SendOne(t.Context(), &eventnodev1.SendOneRequest{Group: "g", Event: protoEvent("e"), Strategy: 99})
	equal(t, "strategy", status.Code(err), codes.InvalidArgument)
	_, err = client.SendOne(t.Context(), &eventnodev1.SendOneRequest{Group: "g", Event: protoEvent("e")})
	if code := status.Code(err); code == codes.OK || code == codes.Internal {
		t.Fatalf("nobody there: %v", err)
	}
	list, err := client.Members(t.Context(), &eventnodev1.MembersRequest{})
	if err == nil {
		_, err = list.Recv()
	}
	equal(t, "no group", status.Code(err), codes.InvalidArgument)
}
