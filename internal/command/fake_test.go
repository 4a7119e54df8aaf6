package command

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// fake is a cluster in memory, of which the tests script what commands get and
// record what they do. What it has no method for panics: the embedded interface
// is nil.
type fake struct {
	cluster

	nodes      []eventnode.NodeInfo
	status     eventnode.Status
	subs       []eventnode.SubscriptionInfo
	notAsked   []eventnode.NodeID
	deliveries []eventnode.Delivery // what Subscribe's subscription receives
	receipt    eventnode.Receipt
	refuse     func(event.Event) error // by Flush
	groups     map[string][]eventnode.Membership
	changes    []eventnode.Change
	received   []eventnode.Received
	reach      int // of Broadcast
	durable    fakeDurable
	chat       fakeChat
	sources    fakeSources
	cache      fakeCache

	mu         sync.Mutex
	topics     []string
	dispatched []event.Event
	options    eventnode.SubscribeOptions
	joined     []string
	pick       eventnode.Pick
	closed     bool
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

func (f *fake) Nodes(context.Context) ([]eventnode.NodeInfo, error) { return f.nodes, nil }
func (f *fake) Status(context.Context) (eventnode.Status, error)    { return f.status, nil }
func (f *fake) NewPublisher(context.Context) (eventnode.PublisherCloser, error) {
	return &fakePublisher{f: f}, nil
}

func (f *fake) Subscriptions(_ context.Context, topic string) ([]eventnode.SubscriptionInfo, []eventnode.NodeID, error) {
	f.topics = []string{topic}
	return f.subs, f.notAsked, nil
}

func (f *fake) Subscribe(_ context.Context, topics []string, opts ...eventnode.SubscribeOption) (eventnode.Subscription, error) {
	f.topics, f.options = topics, eventnode.NewSubscribeOptions(opts...)
	return &fakeSubscription{queue: queue[eventnode.Delivery]{f.deliveries}}, nil
}

func (f *fake) DispatchMany(_ context.Context, topics []string, ev event.Event, _ ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	f.topics, f.dispatched = topics, append(f.dispatched, ev)
	return f.receipt, nil
}

// fakePublisher hands over to a fake.
type fakePublisher struct {
	eventnode.PublisherCloser
	f       *fake
	pending []event.Event
}

func (p *fakePublisher) Dispatch(ctx context.Context, topic string, ev event.Event, opts ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	return p.DispatchMany(ctx, []string{topic}, ev, opts...)
}

func (p *fakePublisher) DispatchMany(_ context.Context, topics []string, ev event.Event, _ ...eventnode.DispatchOption) (eventnode.Receipt, error) {
	p.pending = append(p.pending, ev)
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.f.topics = topics
	return eventnode.Receipt{}, nil
}

func (p *fakePublisher) Flush(context.Context) error {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	refused := &eventnode.RefusedError{}
	for _, ev := range p.pending {
		if p.f.refuse != nil {
			if err := p.f.refuse(ev); err != nil {
				refused.Errs, refused.Count = append(refused.Errs, err), refused.Count+1
				continue
			}
		}
		p.f.dispatched = append(p.f.dispatched, ev)
	}
	p.pending = nil
	if refused.Count > 0 {
		return refused
	}
	return nil
}

func (p *fakePublisher) Close(ctx context.Context) error { return p.Flush(ctx) }

// queue gives out a list, then waits for the end of the context.
type queue[T any] struct{ list []T }

func (q *queue[T]) next(ctx context.Context) (T, error) {
	if len(q.list) == 0 {
		var none T
		<-ctx.Done()
		return none, ctx.Err()
	}
	first := q.list[0]
	q.list = q.list[1:]
	return first, nil
}

// fakeSubscription receives what the fake has for it.
type fakeSubscription struct {
	eventnode.Subscription
	queue[eventnode.Delivery]
}

func (s *fakeSubscription) Receive(ctx context.Context) (eventnode.Delivery, error) {
	return s.next(ctx)
}
func (s *fakeSubscription) Nodes() int                  { return 3 }
func (s *fakeSubscription) Missing() []eventnode.NodeID { return nil }
func (s *fakeSubscription) Close() error                { return nil }

// fakeMember receives what the fake has for it.
type fakeMember struct {
	eventnode.Member
	queue[eventnode.Received]
}

func (m *fakeMember) Receive(ctx context.Context) (eventnode.Received, error) { return m.next(ctx) }
func (m *fakeMember) Ref() eventnode.MemberRef                                { return ref("n1", 7) }
func (m *fakeMember) Close() error                                            { return nil }

func (f *fake) NewMember(context.Context, int) (eventnode.Member, error) {
	return &fakeMember{queue: queue[eventnode.Received]{f.received}}, nil
}

func (f *fake) Scope(name string) eventnode.Scope { return &fakeScope{f: f, name: name} }

// fakeScope is any scope.
type fakeScope struct {
	eventnode.Scope
	f    *fake
	name string
}

func (s *fakeScope) Join(_ context.Context, group string, members []eventnode.Member, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	o := eventnode.NewJoinOptions(opts...)
	for range members {
		s.f.joined = append(s.f.joined, s.name+"/"+group+"/"+o.Meta)
	}
	return eventnode.JoinResult{Joined: len(members)}, nil
}

func (s *fakeScope) Members(_ context.Context, group string) ([]eventnode.Membership, error) {
	return slices.Clone(s.f.groups[group]), nil
}

func (s *fakeScope) Groups(context.Context) ([]eventnode.GroupSize, error) {
	var list []eventnode.GroupSize
	for _, g := range slices.Sorted(maps.Keys(s.f.groups)) {
		list = append(list, eventnode.GroupSize{Group: g, Members: len(s.f.groups[g])})
	}
	return list, nil
}

func (s *fakeScope) MonitorScope(context.Context) (eventnode.Monitor, error) {
	return &fakeMonitor{snapshot: s.f.groups, queue: queue[eventnode.Change]{s.f.changes}}, nil
}

func (s *fakeScope) Broadcast(_ context.Context, _ string, ev event.Event) (eventnode.BroadcastResult, error) {
	s.f.dispatched = append(s.f.dispatched, ev)
	return eventnode.BroadcastResult{Delivered: s.f.reach}, nil
}

func (s *fakeScope) SendOne(_ context.Context, group string, ev event.Event, pick eventnode.Pick) (eventnode.MemberRef, error) {
	s.f.pick, s.f.dispatched = pick, append(s.f.dispatched, ev)
	if len(s.f.groups[group]) == 0 {
		return eventnode.MemberRef{}, eventnode.ErrNoMembers
	}
	return s.f.groups[group][0].Member, nil
}

type fakeMonitor struct {
	eventnode.Monitor
	queue[eventnode.Change]
	snapshot map[string][]eventnode.Membership
}

func (m *fakeMonitor) Snapshot() map[string][]eventnode.Membership        { return m.snapshot }
func (m *fakeMonitor) Next(ctx context.Context) (eventnode.Change, error) { return m.next(ctx) }
func (m *fakeMonitor) Close() bool                                        { return true }

// ref makes a member's name.
func ref(node eventnode.NodeID, n uint64) eventnode.MemberRef {
	return eventnode.MemberRef{Node: eventnode.NodeRef{ID: node, Epoch: 5}, Ref: n}
}

// ev makes an event that is the same in each run.
func ev(data string) event.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return event.New("said", []byte(data), event.WithID(event.ID{6: 0x70, 8: 0x80, 15: 1}), event.WithTime(at))
}

// delivered makes deliveries to topic:t.
func delivered(data ...string) []eventnode.Delivery {
	var list []eventnode.Delivery
	for _, d := range data {
		list = append(list, eventnode.Delivery{Topics: []string{"topic:t"}, Event: ev(d)})
	}
	return list
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// buffer is a bytes.Buffer for concurrent use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// runFake runs the program against f.
func runFake(t *testing.T, f *fake, stdin string, args ...string) result {
	t.Helper()
	return runFakeContext(t.Context(), f, strings.NewReader(stdin), args...)
}

func runFakeContext(ctx context.Context, f *fake, stdin io.Reader, args ...string) result {
	var stdout, stderr buffer
	a := &app{
		stdin: stdin, stdout: &stdout, stderr: &stderr,
		getenv: func(string) string { return "" },
		dial: func(context.Context, []string, string) (cluster, error) {
			return f, nil
		},
	}
	code := a.run(ctx, args)
	return result{code, stdout.String(), stderr.String()}
}

// want compares a result.
func (r result) want(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if r.stdout != stdout {
		t.Errorf("stdout:\n%s\nwant:\n%s", r.stdout, stdout)
	}
	if r.stderr != stderr {
		t.Errorf("stderr:\n%s\nwant:\n%s", r.stderr, stderr)
	}
}
