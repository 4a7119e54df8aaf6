package streams

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/consuming"
)

// delivered is an event that a consumer has.
type delivered struct {
	stream, deliveries uint32
	number             uint64
	name               string
}

// testConsumer is a consumer's client, of one goroutine.
type testConsumer struct {
	t        testing.TB
	stream   grpc.BidiStreamingClient[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse]
	cancel   context.CancelFunc
	opened   *eventnodev1.ConsumerOpened
	events   []delivered // not taken yet
	results  []*eventnodev1.SettleResult
	lost     []*eventnodev1.StreamEvents
	idle     int
	moved    *eventnodev1.ConsumerMoved
	requests uint64
}

func newHolder() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return b
}

// consumers and locks are the other services of a node.
func (n *testNode) consumers() eventnodev1.ConsumerServiceClient {
	return eventnodev1.NewConsumerServiceClient(n.conn)
}

// consume opens a consumer, which ends with the test.
func (n *testNode) consume(t testing.TB, open *eventnodev1.OpenConsumer) *testConsumer {
	t.Helper()
	c, err := n.tryConsume(t, open)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (n *testNode) tryConsume(t testing.TB, open *eventnodev1.OpenConsumer) (*testConsumer, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	stream, err := n.consumers().Consume(ctx)
	if err != nil {
		return nil, err
	}
	if open.Holder == nil {
		open.Holder = newHolder()
	}
	c := &testConsumer{t: t, stream: stream, cancel: cancel}
	if err := stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Open{Open: open}}); err != nil {
		return nil, err
	}
	m, err := stream.Recv()
	c.opened = m.GetOpened()
	return c, err
}

func opening1(group string, events uint64, streams ...string) *eventnodev1.OpenConsumer {
	return &eventnodev1.OpenConsumer{Group: group, Streams: streams, Credit: &eventnodev1.ConsumerCredit{Events: events}}
}

// next receives one response.
func (c *testConsumer) next() error {
	m, err := c.stream.Recv()
	if err != nil {
		return err
	}
	at := 0
	for _, d := range m.GetDeliveries() {
		for _, s := range d.GetSlices() {
			for i := range s.GetCount() {
				c.events = append(c.events, delivered{d.GetStream(), d.GetDeliveries(), s.GetNumber() + uint64(i), m.GetEnvelopes()[at].GetEvent().GetName()})
				at++
			}
		}
	}
	if at != len(m.GetEnvelopes()) {
		c.t.Errorf("%d envelopes, of which %d are said", len(m.GetEnvelopes()), at)
	}
	c.results = append(c.results, m.GetResults()...)
	c.lost = append(c.lost, m.GetLost()...)
	if m.GetIdle() {
		c.idle++
	}
	if m.GetMoved() != nil {
		c.moved = m.GetMoved()
	}
	return nil
}

// until receives until something holds.
func (c *testConsumer) until(holds func() bool) {
	c.t.Helper()
	for !holds() {
		if err := c.next(); err != nil {
			c.t.Fatal(err)
		}
	}
}

// take receives so many events.
func (c *testConsumer) take(n int) []delivered {
	c.t.Helper()
	c.until(func() bool { return len(c.events) >= n })
	if len(c.events) > n {
		c.t.Errorf("%d events, want %d: %v", len(c.events), n, c.events)
	}
	out := c.events[:n]
	c.events = c.events[n:]
	return out
}

// none receives until there is nothing more for now.
func (c *testConsumer) none() {
	c.t.Helper()
	before := c.idle
	c.until(func() bool { return c.idle > before })
	if len(c.events) > 0 {
		c.t.Errorf("events that nobody expects: %v", c.events)
	}
}

func (c *testConsumer) give(events uint64) {
	c.t.Helper()
	c.send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Credit{Credit: &eventnodev1.ConsumerCredit{Events: events}}})
}

func (c *testConsumer) send(m *eventnodev1.ConsumeRequest) {
	c.t.Helper()
	if err := c.stream.Send(m); err != nil {
		c.t.Fatal(err)
	}
}

// settle says what became of events and returns the answer.
func (c *testConsumer) settle(m *eventnodev1.SettleEvents, events ...delivered) *eventnodev1.SettleResult {
	c.t.Helper()
	c.requests++
	m.Request = c.requests
	if m.Events == nil {
		m.Events = named(events)
	}
	c.send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Settle{Settle: m}})
	c.until(func() bool { return len(c.results) > 0 })
	r := c.results[0]
	c.results = c.results[1:]
	if r.GetRequest() != m.GetRequest() {
		c.t.Errorf("answer to %d, not to %d", r.GetRequest(), m.GetRequest())
	}
	return r
}

// named is events as a request names them.
func named(events []delivered) (out []*eventnodev1.StreamEvents) {
	by := map[uint32][]uint64{}
	for _, e := range events {
		by[e.stream] = append(by[e.stream], e.number)
	}
	for stream, numbers := range by {
		slices.Sort(numbers)
		m := &eventnodev1.StreamEvents{Stream: stream}
		for _, n := range numbers {
			if k := len(m.Numbers); k > 0 && m.Numbers[k-1].GetTo()+1 == n {
				m.Numbers[k-1].To = n
				continue
			}
			m.Numbers = append(m.Numbers, &eventnodev1.NumberRange{From: n, To: n})
		}
		out = append(out, m)
	}
	return out
}

// ack acks events that must be in hand.
func (c *testConsumer) ack(events ...delivered) {
	c.t.Helper()
	if r := c.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK}, events...); r.GetSettled() != uint64(len(events)) || r.GetErrorReason() != "" {
		c.t.Errorf("acked %d: %v", len(events), r)
	}
}

// ended receives until the end, and returns the error in the words of the client.
func (c *testConsumer) ended() error {
	for {
		if err := c.next(); err != nil {
			return apierr.FromStatus(err)
		}
	}
}

// group says how a group is.
func (n *testNode) group(t testing.TB, stream, group string) *eventnodev1.ConsumerGroupDescription {
	t.Helper()
	resp, err := n.consumers().ListConsumerGroups(t.Context(), &eventnodev1.ListConsumerGroupsRequest{Stream: streamName(stream), Group: group, Consumers: true})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetGroups()[0]
}

// addGroup adds a group.
func (n *testNode) addGroup(t testing.TB, stream, group string, cfg *eventnodev1.ConsumerGroupConfig) {
	t.Helper()
	if _, err := n.consumers().AddConsumerGroup(t.Context(), &eventnodev1.AddConsumerGroupRequest{Stream: streamName(stream), Group: group, Config: cfg}); err != nil {
		t.Fatal(err)
	}
}

// withGroup is a node that leads, with a stream "s" and a group "g", and its desk at
// work.
func withGroup(t testing.TB, cfg *eventnodev1.ConsumerGroupConfig) (*testNode, *memory) {
	t.Helper()
	n, m := alone(t, nil)
	m.work()
	n.declare(t, "s", nil)
	n.addGroup(t, "s", "g", cfg)
	return n, m
}

// work has the desk do what it does by itself, until the test ends.
func (m *memory) work() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.desk.Run(ctx, m) }()
	m.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			m.t.Error(err)
		}
	})
}

// numbered is the names 1 to n.
func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint(i+1))
	}
	return names
}

func namesOf(events []delivered) (names []string) {
	for _, e := range events {
		names = append(names, e.name)
	}
	return names
}

func seconds(n int) *durationpb.Duration { return durationpb.New(time.Duration(n) * time.Second) }

// consumingDesk is one with room for so many consumers.
func consumingDesk(consumers int) (*consuming.Desk, error) {
	return consuming.New(consuming.Config{MaxConsumers: consumers, LeaseTTL: time.Second})
}
