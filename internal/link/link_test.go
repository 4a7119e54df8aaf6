package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

const rpcPort = 7401

// recorder is a Handler that writes down what it is told, as short words:
// "event n1 topic payload", "gap n1 link_lost", "dropped n1 topic 3", ...
type recorder struct {
	mu      sync.Mutex
	lines   []string
	hold    chan struct{} // if set, Frame and Tracked wait until it is closed
	deliver func(ctx context.Context, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error)
	onGap   func(from eventnode.NodeRef)
	onDrop  func(from eventnode.NodeRef, topic string, count uint64)
	onEvent func(from eventnode.NodeRef, topic, payload string)
	lag     time.Duration // how long Frame takes to end after its context
	quiet   bool          // events are not written down
}

var _ Handler = (*recorder)(nil)

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// with returns the lines that begin with prefix.
func (r *recorder) with(prefix string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, l := range r.lines {
		if strings.HasPrefix(l, prefix) {
			found = append(found, l)
		}
	}
	return found
}

func (r *recorder) all() []string { return r.with("") }

func (r *recorder) blockFrames() (release func()) {
	ch := make(chan struct{})
	r.mu.Lock()
	r.hold = ch
	r.mu.Unlock()
	return func() {
		r.mu.Lock()
		r.hold = nil
		r.mu.Unlock()
		close(ch)
	}
}

func (r *recorder) held(ctx context.Context) {
	r.mu.Lock()
	hold := r.hold
	r.mu.Unlock()
	if hold == nil {
		return
	}
	select {
	case <-hold:
	case <-ctx.Done():
		time.Sleep(r.lag)
	}
}

func (r *recorder) Exchange(from eventnode.NodeRef, msgs [][]byte) {
	for _, msg := range msgs {
		m := new(clusterv1.Exchange)
		if err := proto.Unmarshal(msg, m); err != nil {
			panic(err)
		}
		r.note("exchange %s %d", from, m.GetHash().GetSum())
	}
}

func (r *recorder) Frame(ctx context.Context, from eventnode.NodeRef, frame wire.Piece) error {
	r.held(ctx)
	envelopes := frame.Data
	for len(envelopes) > 0 {
		rec, rest, err := wire.NextRecord(envelopes)
		if err != nil {
			return err
		}
		envelopes = rest
		r.event(from, string(rec.Topics.First()), string(rec.Event))
	}
	return nil
}

func (r *recorder) event(from eventnode.NodeRef, topic, payload string) {
	r.mu.Lock()
	on, quiet := r.onEvent, r.quiet
	r.mu.Unlock()
	if on != nil {
		on(from, topic, payload)
	}
	if !quiet {
		r.note("event %s %s %s", from, topic, payload)
	}
}

func (r *recorder) Queued(ctx context.Context, from eventnode.NodeRef, to wire.Audience, frame wire.Piece) error {
	r.note("queued %v", to)
	return r.Frame(ctx, from, frame)
}

func (r *recorder) Tracked(ctx context.Context, from eventnode.NodeRef, to wire.Audience, envelope []byte) (int, error) {
	r.held(ctx)
	if len(to.Groups) > 0 {
		r.note("tracked %v", to)
	}
	rec, err := wire.ParseEnvelope(envelope)
	if err != nil {
		return 0, err
	}
	r.event(from, string(rec.Topics.First()), string(rec.Event))
	return 7, nil
}

func (r *recorder) Dropped(from eventnode.NodeRef, topic string, count uint64) {
	if r.onDrop != nil {
		r.onDrop(from, topic, count)
	}
	r.note("dropped %s %s %d", from, topic, count)
}

func (r *recorder) DroppedAny(from eventnode.NodeRef, count uint64) {
	if r.onDrop != nil {
		r.onDrop(from, "", count)
	}
	r.note("dropped-any %s %d", from, count)
}

func (r *recorder) Gap(from eventnode.NodeRef, reason eventnode.GapReason) {
	if r.onGap != nil {
		r.onGap(from)
	}
	r.note("gap %s %s", from, reason)
}

func (r *recorder) Deliver(ctx context.Context, _ eventnode.NodeRef, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	if r.deliver == nil {
		return &clusterv1.DeliverResponse{Delivered: req.GetRef()}, nil
	}
	return r.deliver(ctx, req)
}

func (r *recorder) Source(_ context.Context, from eventnode.NodeRef, req *clusterv1.SourceRequest, send func(*clusterv1.SourceResponse) error) error {
	for n := range req.GetShard().GetShards() {
		if err := send(&clusterv1.SourceResponse{Places: []uint64{uint64(n), uint64(len(from.ID))}}); err != nil {
			return err
		}
	}
	return eventnode.ErrSourceNotFound
}

func (r *recorder) Chat(context.Context, eventnode.NodeRef, *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	return nil, eventnode.ErrUnavailable
}

func (r *recorder) Storage(context.Context, eventnode.NodeRef, *clusterv1.StorageRequest) (*clusterv1.StorageResponse, error) {
	return nil, eventnode.ErrUnavailable
}

func (r *recorder) ListSubscriptions(topic string) []*eventnodev1.SubscriptionInfo {
	return []*eventnodev1.SubscriptionInfo{{Node: "here", Topics: []string{topic}}}
}

func (r *recorder) LinkUp(to eventnode.NodeRef)    { r.note("up %s", to) }
func (r *recorder) LinkDown(to eventnode.NodeRef)  { r.note("down %s", to) }
func (r *recorder) Refused(to eventnode.NodeRef)   { r.note("refused %s", to) }
func (r *recorder) Goodbye(from eventnode.NodeRef) { r.note("goodbye %s", from) }

// testNode is a node's links on a host of the in-memory network.
type testNode struct {
	*recorder
	t     *testing.T
	ref   eventnode.NodeRef
	ip    string
	links *Links
	srv   *grpc.Server
	end   func()

	connMu sync.Mutex
	conns  []net.Conn // dialled from here
}

func (n *testNode) address() string { return fmt.Sprintf("%s:%d", n.ip, rpcPort) }

// startNode runs the links of one node until the test ends.
func startNode(t *testing.T, nw *memnet.Network, number int, epoch uint64, change ...func(*Config)) *testNode {
	t.Helper()
	n := &testNode{
		recorder: &recorder{}, t: t, ip: fmt.Sprintf("10.0.0.%d", number),
		ref: eventnode.NodeRef{ID: eventnode.NodeID(fmt.Sprintf("n%d", number)), Epoch: epoch},
	}
	host := nw.Host(n.ip)
	cfg := Config{Self: n.ref, Cluster: "test", Secret: []byte("secret"), Dial: func(ctx context.Context, address string) (net.Conn, error) {
		c, err := host.Dial(ctx, address)
		if err == nil {
			n.connMu.Lock()
			n.conns = append(n.conns, c)
			n.connMu.Unlock()
		}
		return c, err
	}}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if n.links, err = New(cfg, n.recorder); err != nil {
		t.Fatal(err)
	}
	n.srv = grpc.NewServer(ServerOptions()...)
	clusterv1.RegisterLinkServiceServer(n.srv, n.links.Service())
	ln, err := host.Listen(rpcPort)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = n.links.Run(ctx) })
	wg.Go(func() { _ = n.srv.Serve(ln) })
	n.end = sync.OnceFunc(func() {
		cancel()
		n.srv.Stop()
		wg.Wait()
	})
	t.Cleanup(n.end)
	return n
}

// breakLinks resets the connections that the node has dialled.
func (n *testNode) breakLinks() {
	n.connMu.Lock()
	defer n.connMu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

func (n *testNode) add(peers ...*testNode) {
	for _, p := range peers {
		n.links.Add(p.ref, p.address())
	}
}

func (n *testNode) state(to *testNode) State {
	for _, s := range n.links.States() {
		if s.Ref == to.ref {
			return s
		}
	}
	return State{}
}

func (n *testNode) awaitUp(to ...*testNode) {
	n.t.Helper()
	for _, p := range to {
		eventually(n.t, 10*time.Second, func() bool { return n.state(p).Phase == PhaseUp })
	}
}

// send sends one event.
func (n *testNode) send(to *testNode, lane uint32, topic, payload string) bool {
	return n.links.Send(context.Background(), to.ref, lane, topic, wire.Piece{Data: record(topic, payload)}, 1)
}

func record(topic, payload string) []byte {
	return wire.AppendRecord(nil, []string{topic}, []byte(payload))
}

// envelope returns an encoded Envelope.
func envelope(topic, payload string) []byte {
	rec, _, err := wire.NextRecord(record(topic, payload))
	if err != nil {
		return nil
	}
	return rec.Envelope
}

// eventually polls, in virtual time, until cond holds.
func eventually(t *testing.T, limit time.Duration, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("not within %v", limit)
		}
		time.Sleep(time.Millisecond)
	}
}

// pair starts two nodes; the first has an established link to the second.
func pair(t *testing.T, change ...func(*Config)) (*memnet.Network, *testNode, *testNode) {
	t.Helper()
	nw := memnet.New(memnet.Config{})
	t.Cleanup(nw.Close)
	a, b := startNode(t, nw, 1, 1, change...), startNode(t, nw, 2, 1, change...)
	a.add(b)
	a.awaitUp(b)
	return nw, a, b
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
}

// Runs with and without an audience arrive in the order of their lane, each with its own, also
// when they share frames; so do tracked envelopes.
func TestQueuedRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		g, h := wire.Audience{Groups: []string{"g"}, Plain: true}, wire.Audience{Groups: []string{"h"}, Tried: []string{"n9"}}
		queued := func(to wire.Audience, payload string) {
			if !a.links.SendQueued(t.Context(), b.ref, 5, "topic:x", to, wire.Piece{Data: record("topic:x", payload)}, 1) {
				t.Error("dropped")
			}
		}
		release := b.blockFrames() // so that frames gather
		a.send(b, 5, "topic:x", "0")
		synctest.Wait()
		var want []string
		said := func(line string) { want = append(want, line) }
		said("event n1#1 topic:x 0")
		for i := range 20 {
			n := fmt.Sprint(i + 1)
			switch i % 5 {
			case 0:
				a.send(b, 5, "topic:x", n)
			case 1, 2:
				queued(g, n)
				said(fmt.Sprintf("queued %v", g))
			case 3:
				queued(h, n)
				said(fmt.Sprintf("queued %v", h))
			case 4:
				a.links.Track(t.Context(), b.ref, 5, "topic:x", g, envelope("topic:x", n), func(int, error) {})
				said(fmt.Sprintf("tracked %v", g))
			}
			said("event n1#1 topic:x " + n)
		}
		release()
		eventually(t, time.Second, func() bool { return len(b.with("event")) == 21 })
		got := slices.DeleteFunc(b.all(), func(line string) bool { return line == fmt.Sprintf("queued %v", wire.Audience{Plain: true}) })
		wantLines(t, got, want...)
	})
}

// Events of one lane arrive in order; exchanges too; calls are answered.
func TestLinkCarriesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		for i := range 100 {
			if !a.send(b, 5, "topic:x", fmt.Sprint(i)) {
				t.Fatal("dropped")
			}
			if !a.links.SendExchange(b.ref, hash(i)) {
				t.Fatal("exchange refused")
			}
		}
		eventually(t, time.Second, func() bool { return len(b.all()) == 200 })
		for i := range 100 {
			if got := b.with("event")[i]; got != fmt.Sprintf("event n1#1 topic:x %d", i) {
				t.Fatal(got)
			}
			if got := b.with("exchange")[i]; got != fmt.Sprintf("exchange n1#1 %d", i) {
				t.Fatal(got)
			}
		}
		resp, err := a.links.Deliver(t.Context(), b.ref, &clusterv1.DeliverRequest{Ref: 42})
		if err != nil || resp.GetDelivered() != 42 {
			t.Fatal(resp, err)
		}
		subs, err := a.links.ListSubscriptions(t.Context(), b.ref, "topic:x")
		if err != nil || len(subs) != 1 || subs[0].GetTopics()[0] != "topic:x" {
			t.Fatal(subs, err)
		}
		wantLines(t, a.all(), "up n2#1")
		if s := a.state(b); s.Events != 100 || s.Dropped != 0 || s.Lanes != 4 || s.LastError != "" {
			t.Fatalf("%+v", s)
		}
	})
}

func hash(sum int) []byte {
	return exchange(&clusterv1.Exchange{Message: &clusterv1.Exchange_Hash{Hash: &clusterv1.Hash{Sum: uint64(sum)}}})
}

func exchange(m *clusterv1.Exchange) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// The numbers are there as metrics, valid ones.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		nw := memnet.New(memnet.Config{})
		t.Cleanup(nw.Close)
		a := startNode(t, nw, 1, 1, func(c *Config) { c.Registerer = registry })
		b := startNode(t, nw, 2, 1)
		a.add(b)
		a.awaitUp(b)
		a.send(b, 0, "topic:x", "x")
		eventually(t, time.Second, func() bool { return a.state(b).Events == 1 })
		families, err := registry.Gather()
		if err != nil || len(families) != len(perPeer())+len(overall()) {
			t.Fatal(families, err)
		}
		for _, f := range families {
			if f.GetName() == "eventnode_link_events_total" && f.GetMetric()[0].GetCounter().GetValue() == 1 {
				return
			}
		}
		t.Fatal("no count of events: ", families)
	})
}

// A call that cannot have been delivered says so; one that may have, too.
func TestDeliverOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t)
		called := make(chan struct{})
		b.deliver = func(ctx context.Context, _ *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
			close(called)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		result := make(chan error, 1)
		go func() {
			_, err := a.links.Deliver(context.Background(), b.ref, &clusterv1.DeliverRequest{})
			result <- err
		}()
		<-called
		b.end()
		if err := <-result; !errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Fatal(err)
		}
		eventually(t, time.Second, func() bool { return a.state(b).Phase == PhaseDown })
		if _, err := a.links.Deliver(t.Context(), b.ref, &clusterv1.DeliverRequest{}); !errors.Is(err, eventnode.ErrUnavailable) {
			t.Fatal(err)
		}
		if _, err := a.links.Deliver(t.Context(), eventnode.NodeRef{ID: "nobody"}, &clusterv1.DeliverRequest{}); !errors.Is(err, eventnode.ErrUnavailable) {
			t.Fatal(err)
		}
	})
}
