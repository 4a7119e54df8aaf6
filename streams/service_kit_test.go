package streams

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/consuming"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/mapdb"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// memory is a partition of one copy, in memory, without Raft: commands are applied
// as they come, or, when it is held, when it is let go.
type memory struct {
	t       testing.TB
	leads   atomic.Bool
	views   atomic.Int64 // open
	clock   func() int64
	machine *state.Machine

	reported atomic.Pointer[error]
	term     atomic.Uint64
	desk     *consuming.Desk // it is told what was decided

	mu    sync.Mutex
	store *mapdb.Store
	moved chan struct{}
	held  bool
	queue []*command
}

type command struct {
	*replica.Proposal
	done   chan struct{}
	result state.Result
	err    error
}

var _ partition = (*memory)(nil)

func newMemory(t testing.TB) *memory {
	t.Helper()
	store, err := mapdb.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	m := &memory{t: t, machine: state.New(1), store: store, moved: make(chan struct{}), clock: func() int64 { return time.Now().UnixMilli() }}
	m.leads.Store(true)
	m.term.Store(1)
	if m.desk, err = consuming.New(consuming.Config{LeaseTTL: time.Second}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *memory) Reign() (uint64, int64) {
	if !m.Leads() {
		return 0, 0
	}
	return m.term.Load(), m.clock()
}

func (m *memory) Leads() bool { return m.leads.Load() }

func (m *memory) Report(err error) { m.reported.Store(&err) }

func (m *memory) Status() replica.Status { return replica.Status{Partition: 1, Leads: m.Leads()} }

func (m *memory) Submit(_ context.Context, p *replica.Proposal) (func(context.Context) (state.Result, error), error) {
	if !m.Leads() {
		return nil, &replica.NotLeaderError{}
	}
	c := &command{Proposal: p, done: make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue = append(m.queue, c)
	m.drain()
	return func(ctx context.Context) (state.Result, error) {
		select {
		case <-c.done:
			return c.result, c.err
		case <-ctx.Done():
			return state.Result{}, fmt.Errorf("%w: %w", context.Cause(ctx), eventnode.ErrOutcomeUnknown)
		}
	}, nil
}

func (m *memory) Propose(ctx context.Context, p *replica.Proposal) (state.Result, error) {
	wait, err := m.Submit(ctx, p)
	if err != nil {
		return state.Result{}, err
	}
	return wait(ctx)
}

// hold has commands wait until let is called.
func (m *memory) hold(held bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = held
	m.drain()
}

// waiting is how many commands wait.
func (m *memory) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue)
}

// fail ends all that waits, as a leader does that has lost its majority.
func (m *memory) fail(err error) {
	m.leads.Store(false)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.queue {
		c.err = err
		close(c.done)
	}
	m.queue = nil
}

// drain applies what waits. The caller holds mu.
func (m *memory) drain() {
	if m.held {
		return
	}
	for _, c := range m.queue {
		c.result, c.err = m.apply(c.Proposal)
		close(c.done)
	}
	m.queue = nil
}

func (m *memory) apply(p *replica.Proposal) (state.Result, error) {
	var b state.EntryBuilder
	var err error
	if p.Publish != nil {
		err = b.Publish(p.Publish, p.Events...)
	} else {
		err = b.Add(p.Command)
	}
	if err != nil {
		return state.Result{}, err
	}
	batch := m.store.NewBatch()
	defer batch.Close()
	results, err := m.machine.Apply(batch, b.Finish(m.clock()))
	if err != nil {
		m.t.Error(err)
		return state.Result{}, err
	}
	last, _ := m.store.Applied()
	if err := batch.Commit(engine.Applied{Index: last.Index + 1, Term: 1}); err != nil {
		m.t.Error(err)
	}
	close(m.moved)
	m.moved = make(chan struct{})
	m.desk.Decided(p, &results[0])
	return results[0], nil
}

func (m *memory) Read(context.Context) (state.View, func(), error) {
	if !m.Leads() {
		return state.View{}, nil, &replica.NotLeaderError{}
	}
	return m.Look()
}

func (m *memory) Look() (state.View, func(), error) {
	snapshot, err := m.store.Snapshot()
	if err != nil {
		return state.View{}, nil, err
	}
	m.views.Add(1)
	return state.NewView(snapshot, 1), func() {
		m.views.Add(-1)
		_ = snapshot.Close()
	}, nil
}

func (m *memory) Applied() (uint64, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, _ := m.store.Applied()
	return at.Index, m.moved, nil
}

// testNode is a node that serves streams.
type testNode struct {
	api      eventnodev1.StreamServiceClient
	service  *Service
	conn     *grpc.ClientConn
	listener *bufconn.Listener
	calls    atomic.Int64 // that came in
	forwards atomic.Int64 // connections asked for
}

// testCluster is nodes n1, n2, ... that know who leads.
type testCluster struct {
	t     testing.TB
	nodes []*testNode

	mu     sync.Mutex
	leader int // its place; -1: nobody
}

func newCluster(t testing.TB, tune func(*ServiceConfig), partitions ...partition) *testCluster {
	t.Helper()
	c := &testCluster{t: t}
	for i, p := range partitions {
		n := &testNode{listener: bufconn.Listen(1 << 20)}
		cfg := ServiceConfig{
			Self: nodeName(i), Leader: c.who,
			Partition: func() (partition, bool) { return p, p != nil },
			Forward: func(address string) (grpc.ClientConnInterface, error) {
				n.forwards.Add(1)
				return c.connTo(address)
			},
		}
		if m, ok := p.(*memory); ok {
			cfg.Desk = m.desk
		}
		if tune != nil {
			tune(&cfg)
		}
		var err error
		if n.service, err = NewService(cfg); err != nil {
			t.Fatal(err)
		}
		c.serve(n)
		c.nodes = append(c.nodes, n)
	}
	return c
}

func nodeName(i int) eventnode.NodeID { return eventnode.NodeID(fmt.Sprintf("n%d", i+1)) }

// serve serves a node in memory; the client is a plain protobuf client.
func (c *testCluster) serve(n *testNode) {
	count := func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		n.calls.Add(1)
		return next(srv, ss)
	}
	countUnary := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		n.calls.Add(1)
		return next(ctx, req)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(wire.NewCodec()), grpc.MaxRecvMsgSize(16<<20),
		grpc.StreamInterceptor(count), grpc.UnaryInterceptor(countUnary))
	n.service.Register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(n.listener) }()
	conn, err := grpc.NewClient("passthrough:///n",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return n.listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		c.t.Fatal(err)
	}
	n.conn, n.api = conn, eventnodev1.NewStreamServiceClient(conn)
	c.t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			c.t.Error(err)
		}
	})
}

func (c *testCluster) who() (Leader, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leader < 0 {
		return Leader{}, false
	}
	return Leader{Node: nodeName(c.leader), Address: "addr-" + string(nodeName(c.leader))}, true
}

func (c *testCluster) lead(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = i
}

func (c *testCluster) connTo(address string) (grpc.ClientConnInterface, error) {
	for i, n := range c.nodes {
		if address == "addr-"+string(nodeName(i)) {
			return n.conn, nil
		}
	}
	return nil, errors.New("no such node")
}

// alone is one node that leads, and its partition.
func alone(t testing.TB, tune func(*ServiceConfig)) (*testNode, *memory) {
	m := newMemory(t)
	return newCluster(t, tune, m).nodes[0], m
}

// withFollower is a follower, its leader, and the leader's partition.
func withFollower(t testing.TB) (follower, leader *testNode, _ *memory, _ *testCluster) {
	m, other := newMemory(t), newMemory(t)
	other.leads.Store(false)
	c := newCluster(t, nil, m, other)
	return c.nodes[1], c.nodes[0], m, c
}

func streamName(name string) *eventnodev1.StreamName { return &eventnodev1.StreamName{Name: name} }

// declare makes a stream.
func (n *testNode) declare(t testing.TB, name string, cfg *eventnodev1.StreamConfig) {
	t.Helper()
	if _, err := n.api.DeclareStream(t.Context(), &eventnodev1.DeclareStreamRequest{Stream: streamName(name), Config: cfg}); err != nil {
		t.Fatal(err)
	}
}

// events makes envelopes of events with these names.
func events(names ...string) []*eventnodev1.Envelope {
	out := make([]*eventnodev1.Envelope, len(names))
	for i, name := range names {
		ev := event.New(name, nil)
		out[i] = &eventnodev1.Envelope{Event: wire.ToProto(&ev)}
	}
	return out
}

func sized(name string, size int) *eventnodev1.Envelope {
	ev := event.New(name, make([]byte, size))
	return &eventnodev1.Envelope{Event: wire.ToProto(&ev)}
}

// publish publishes events that must be taken, and returns the first one's position.
func (n *testNode) publish(t testing.TB, stream string, envelopes ...*eventnodev1.Envelope) *eventnodev1.Position {
	t.Helper()
	resp, err := n.api.Publish(t.Context(), &eventnodev1.PublishRequest{Batches: []*eventnodev1.PublishBatch{
		{Stream: streamName(stream), Envelopes: envelopes}}})
	if err != nil {
		t.Fatal(err)
	}
	if r := resp.GetResults()[0]; r.GetErrorReason() != "" || int(r.GetAppended()) != len(envelopes) {
		t.Fatalf("published: %v", r)
	}
	return resp.GetResults()[0].GetFirst()
}

// aMinute is enough for every call of a test.
func aMinute(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// wantStatus compares an error with a code, a sentinel and a part of its words.
func wantStatus(t testing.TB, err error, code codes.Code, sentinel error) {
	t.Helper()
	if status.Code(err) != code || !errors.Is(apierr.FromStatus(err), sentinel) {
		t.Errorf("error %v, want %v, %v", err, code, sentinel)
	}
}
