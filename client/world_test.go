package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// world is a cluster of plain nodes that speak the real protocol over an
// in-memory network and share one memory: what a client sees of a cluster,
// without any of the cluster's own difficulties. Tests stop nodes, silence them
// and hold their answers back.
type world struct {
	t testing.TB

	mu       sync.Mutex
	nodes    map[string]*plainNode
	epoch    uint64
	nextRef  uint64
	subs     []*sub
	members  []membership
	monitors []*monitorFeed
}

// plainNode is one of them.
type plainNode struct {
	eventnodev1.UnimplementedDispatchServiceServer
	eventnodev1.UnimplementedGroupServiceServer
	eventnodev1.UnimplementedClusterServiceServer

	w    *world
	name string

	// Guarded by w.mu.
	epoch  uint64
	lis    *bufconn.Listener
	srv    *grpc.Server
	silent bool              // accepts connections and says nothing
	hold   bool              // takes events and does not answer
	late   bool              // does not say that subscriptions stand
	goes   chan struct{}     // closed when a node that leaves has no stream any more
	closed map[string]string // topic: the reason with which subscribing is answered
	deny   error             // what streams are answered with
	open   int               // streams that were opened
}

func newWorld(t testing.TB, names ...string) *world {
	w := &world{t: t, nodes: make(map[string]*plainNode)}
	for _, name := range names {
		w.nodes[name] = &plainNode{w: w, name: name, closed: map[string]string{}}
		w.start(name)
	}
	t.Cleanup(func() {
		for _, name := range names {
			w.stop(name)
		}
	})
	return w
}

// start starts a node that does not run.
func (w *world) start(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.nodes[name]
	w.epoch++
	n.epoch, n.silent, n.hold = w.epoch, false, false
	n.lis = bufconn.Listen(1 << 20)
	n.srv = grpc.NewServer(
		grpc.ForceServerCodecV2(wire.NewCodec()),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	eventnodev1.RegisterDispatchServiceServer(n.srv, n)
	eventnodev1.RegisterGroupServiceServer(n.srv, n)
	eventnodev1.RegisterClusterServiceServer(n.srv, n)
	srv, lis := n.srv, n.lis
	go func() { _ = srv.Serve(lis) }()
}

// stop stops a node: its connections break, new ones are refused.
func (w *world) stop(name string) {
	w.mu.Lock()
	n := w.nodes[name]
	srv := n.srv
	n.srv, n.lis = nil, nil
	w.mu.Unlock()
	if srv != nil {
		srv.Stop()
	}
}

// retire has a node go away in good order: it takes no new connections, and ends when its
// streams have.
func (w *world) retire(name string) {
	w.mu.Lock()
	n := w.nodes[name]
	srv, goes := n.srv, make(chan struct{})
	n.lis, n.goes = nil, goes
	w.mu.Unlock()
	go func() { srv.GracefulStop(); close(goes) }()
}

// standing has a late node say that its subscriptions stand.
func (w *world) standing(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.nodes[name]
	n.late = false
	for _, s := range w.subs {
		if s.node == n {
			s.queue = append([]*eventnodev1.SubscribeResponse{s.opened()}, s.queue...)
			s.wake()
		}
	}
}

// goOn has a late node send what waits.
func (w *world) goOn(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.nodes[name]
	n.late = false
	for _, s := range w.subs {
		if s.node == n {
			s.wake()
		}
	}
}

// set changes a node under the lock.
func (w *world) set(name string, f func(n *plainNode)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.nodes[name])
}

// opened is how many streams were opened on a node.
func (w *world) opened(name string) (n int) {
	w.set(name, func(nd *plainNode) { n = nd.open })
	return n
}

// dial is the network.
func (w *world) dial(ctx context.Context, addr string) (net.Conn, error) {
	w.mu.Lock()
	n := w.nodes[addr]
	var lis *bufconn.Listener
	if n != nil {
		lis = n.lis
	}
	silent := n != nil && n.silent
	w.mu.Unlock()
	switch {
	case lis == nil:
		return nil, errors.New("connection refused")
	case silent:
		mine, theirs := net.Pipe()
		go func() { // swallows all, says nothing
			buf := make([]byte, 1024)
			for {
				if _, err := theirs.Read(buf); err != nil {
					return
				}
			}
		}()
		return mine, nil
	}
	return lis.DialContext(ctx)
}

// client dials nodes and closes the client at the end of the test.
func (w *world) client(names []string, opts ...client.Option) *client.Client {
	w.t.Helper()
	c, err := client.Dial(context.Background(), names, append([]client.Option{client.WithDialer(w.dial)}, opts...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// enter counts a stream, and refuses it if the node is to.
func (n *plainNode) enter() error {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.open++
	return n.deny
}

// sub is a subscription.
type sub struct {
	node    *plainNode
	number  uint64
	holder  string
	policy  eventnodev1.Policy
	topics  []string
	window  int64 // what may still be sent
	queue   []*eventnodev1.SubscribeResponse
	arrived chan struct{} // of its stream
}

// put queues a message. The caller holds w.mu.
func (s *sub) put(m *eventnodev1.SubscribeResponse) {
	m.Subscription = s.number
	s.queue = append(s.queue, m)
	s.wake()
}

func (s *sub) wake() {
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

// take takes what may be sent now. The caller holds w.mu.
func (s *sub) take() []*eventnodev1.SubscribeResponse {
	n := 0
	for n < len(s.queue) && s.window > 0 && !s.node.late {
		m := s.queue[n]
		if len(m.GetEnvelopes())+len(m.GetGaps()) > 0 {
			s.window -= int64(64 * (1 + len(m.GetGaps())))
		}
		for _, e := range m.GetEnvelopes() {
			size := proto.Size(e)
			s.window -= int64(1 + protowire.SizeBytes(size))
		}
		n++
	}
	list := s.queue[:n:n]
	s.queue = s.queue[n:]
	return list
}

// deliver fans an envelope out. The caller holds w.mu.
func (w *world) deliver(e *eventnodev1.Envelope) *eventnodev1.Receipt {
	r := &eventnodev1.Receipt{}
	for _, s := range w.subs {
		if slices.ContainsFunc(e.GetTopics(), func(t string) bool { return slices.Contains(s.topics, t) }) {
			s.put(&eventnodev1.SubscribeResponse{Envelopes: []*eventnodev1.Envelope{e}})
			r.Reached++
			r.Nodes = append(r.Nodes, &eventnodev1.NodeReceipt{Node: s.node.name, Reached: 1})
		}
	}
	return r
}

// DispatchStream accepts events; those of an unknown kind it refuses.
func (n *plainNode) DispatchStream(s grpc.BidiStreamingServer[eventnodev1.DispatchStreamRequest, eventnodev1.DispatchStreamResponse]) error {
	if err := n.enter(); err != nil {
		return err
	}
	number := uint64(0)
	for {
		req, err := s.Recv()
		if err != nil {
			return err
		}
		r, held := n.take(req, &number)
		if held {
			continue
		}
		if err := s.Send(r); err != nil {
			return err
		}
	}
}

// take dispatches a frame and makes its answer.
func (n *plainNode) take(req *eventnodev1.DispatchStreamRequest, number *uint64) (*eventnodev1.DispatchStreamResponse, bool) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	r := &eventnodev1.DispatchStreamResponse{}
	one := func(e *eventnodev1.Envelope, receipt bool) {
		*number++
		if !strings.HasPrefix(e.GetTopics()[0], "topic:") {
			r.Refusals = append(r.Refusals, &eventnodev1.Refusal{
				Number: *number, Reason: "BAD_TOPIC", Message: fmt.Sprintf("event %s: unknown kind", e.GetEvent().GetName()),
			})
			return
		}
		receipts := n.w.deliver(e)
		if receipt {
			r.Receipts = append(r.Receipts, &eventnodev1.NumberedReceipt{Number: *number, Receipt: receipts})
		}
	}
	for _, t := range req.GetTracked() {
		one(t.GetEnvelope(), true)
	}
	for _, e := range req.GetEnvelopes() {
		one(e, false)
	}
	r.Handled = *number
	return r, n.hold
}

// Subscribe serves the subscriptions of a stream.
func (n *plainNode) Subscribe(s grpc.BidiStreamingServer[eventnodev1.SubscribeRequest, eventnodev1.SubscribeResponse]) error {
	if err := n.enter(); err != nil {
		return err
	}
	arrived, ended := make(chan struct{}, 1), make(chan struct{})
	defer n.dismiss(func(other *sub) bool { return other.arrived == arrived })
	go func() {
		defer close(ended)
		for {
			req, err := s.Recv()
			if err != nil {
				return
			}
			n.request(req, arrived)
		}
	}()
	for {
		select {
		case <-ended: // half-closed: the stream ends with the last subscription
			if !n.has(arrived) {
				return s.Context().Err()
			}
			ended = nil
		case <-s.Context().Done():
			return s.Context().Err()
		case <-arrived:
		}
		for _, m := range n.drain(arrived) {
			if err := s.Send(m); err != nil {
				return err
			}
		}
		if ended == nil && !n.has(arrived) {
			return nil
		}
	}
}

// has reports whether a stream has subscriptions.
func (n *plainNode) has(arrived chan struct{}) bool {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return slices.ContainsFunc(n.w.subs, func(s *sub) bool { return s.arrived == arrived })
}

// request does what a client asks for.
func (n *plainNode) request(req *eventnodev1.SubscribeRequest, arrived chan struct{}) {
	is := func(number uint64) func(*sub) bool {
		return func(s *sub) bool { return s.arrived == arrived && s.number == number }
	}
	switch r := req.GetRequest().(type) {
	case *eventnodev1.SubscribeRequest_Open:
		n.admit(&sub{
			node: n, number: r.Open.GetSubscription(), holder: r.Open.GetHolder(), policy: r.Open.GetPolicy(),
			topics: r.Open.GetTopics(), window: int64(r.Open.GetWindow()), arrived: arrived,
		})
	case *eventnodev1.SubscribeRequest_Close:
		if r.Close.GetDrain() {
			n.drains(is(r.Close.GetSubscription()))
			return
		}
		n.dismiss(is(r.Close.GetSubscription()))
	case *eventnodev1.SubscribeRequest_Credit:
		n.w.mu.Lock()
		defer n.w.mu.Unlock()
		if i := slices.IndexFunc(n.w.subs, is(r.Credit.GetSubscription())); i >= 0 {
			n.w.subs[i].window += int64(r.Credit.GetBytes())
			n.w.subs[i].wake()
		}
	}
}

// admit registers a subscription, or says why not.
func (n *plainNode) admit(s *sub) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.w.subs = append(n.w.subs, s)
	for _, topic := range s.topics {
		reason := n.closed[topic]
		if reason == "" && !strings.HasPrefix(topic, "topic:") {
			reason = "BAD_TOPIC"
		}
		if reason != "" {
			s.topics = nil
			s.put(&eventnodev1.SubscribeResponse{Closed: &eventnodev1.SubscriptionClosed{Reason: reason, Message: "refused"}})
			return
		}
	}
	if !n.late {
		s.put(s.opened())
	}
}

// opened says that a subscription stands.
func (s *sub) opened() *eventnodev1.SubscribeResponse {
	return &eventnodev1.SubscribeResponse{Subscription: s.number, Opened: &eventnodev1.SubscriptionOpened{
		Nodes: uint32(len(s.node.w.nodes) - 1), Missing: []string{"elsewhere"},
	}}
}

// drains has subscriptions end behind what they have.
func (n *plainNode) drains(which func(*sub) bool) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	for _, s := range n.w.subs {
		if which(s) {
			s.topics = nil
			s.put(&eventnodev1.SubscribeResponse{Closed: &eventnodev1.SubscriptionClosed{Reason: "CLOSED", Message: "drained"}})
		}
	}
}

// dismiss forgets subscriptions.
func (n *plainNode) dismiss(which func(*sub) bool) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.w.subs = slices.DeleteFunc(n.w.subs, which)
}

// drain takes what may be sent on a stream. What was closed is forgotten.
func (n *plainNode) drain(arrived chan struct{}) (list []*eventnodev1.SubscribeResponse) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.w.subs = slices.DeleteFunc(n.w.subs, func(s *sub) bool {
		if s.arrived != arrived {
			return false
		}
		mine := s.take()
		list = append(list, mine...)
		return len(mine) > 0 && mine[len(mine)-1].GetClosed() != nil
	})
	return list
}

// ListSubscriptions lists them.
func (n *plainNode) ListSubscriptions(_ context.Context, req *eventnodev1.ListSubscriptionsRequest) (*eventnodev1.ListSubscriptionsResponse, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	r := &eventnodev1.ListSubscriptionsResponse{Missing: []string{"elsewhere"}}
	for _, s := range n.w.subs {
		if req.GetTopic() == "" || slices.Contains(s.topics, req.GetTopic()) {
			r.Subscriptions = append(r.Subscriptions, &eventnodev1.SubscriptionInfo{
				Node: s.node.name, Holder: s.holder, Topics: s.topics, Policy: s.policy,
			})
		}
	}
	return r, nil
}

// Nodes lists them.
func (n *plainNode) Nodes(context.Context, *eventnodev1.NodesRequest) (*eventnodev1.NodesResponse, error) {
	return &eventnodev1.NodesResponse{Nodes: []*eventnodev1.NodeInfo{{
		Id: n.name, Epoch: n.epoch, State: eventnodev1.NodeState_NODE_STATE_ALIVE, Link: eventnodev1.LinkState_LINK_STATE_SELF,
	}}}, nil
}

// Status says that all is well.
func (n *plainNode) Status(context.Context, *eventnodev1.StatusRequest) (*eventnodev1.StatusResponse, error) {
	return &eventnodev1.StatusResponse{Id: n.name, Epoch: n.epoch, Healthy: true, Nodes: 1}, nil
}

// numberedEvent is an event whose name is a number.
func numberedEvent(i int) event.Event { return event.New(fmt.Sprint(i), []byte("payload")) }

// receive takes n deliveries within a minute.
func receive(t testing.TB, sub eventnode.Subscription, n int) []eventnode.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	list := make([]eventnode.Delivery, n)
	for i := range list {
		d, err := sub.Receive(ctx)
		if err != nil {
			t.Fatalf("delivery %d of %d: %v", i+1, n, err)
		}
		list[i] = d
	}
	return list
}

// names lists deliveries in short: an event's name, or a gap's reason.
func names(list []eventnode.Delivery) []string {
	var out []string
	for _, d := range list {
		if d.Gap != nil {
			out = append(out, d.Gap.Reason.String())
			continue
		}
		out = append(out, d.Event.Name)
	}
	return out
}

// eventually waits until what is expected holds, at most a minute.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// must fails the test on an error.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
