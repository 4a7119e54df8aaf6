package sdktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

const (
	// LeaseTTL is how long a lease is kept for a holder that is away.
	LeaseTTL = 2 * time.Second
	// AckWait is that of every consumer group.
	AckWait = 30 * time.Second
	// lookEvery is how often a consumer looks whether something has come of age.
	lookEvery = 100 * time.Millisecond
	// pageDeliveries is how many events a response to a consumer has: few, too.
	pageDeliveries = 7
)

// lease is a consumer of a group, on all of its streams.
type lease struct {
	holder string
	epoch  uint64
	here   bool
	until  time.Time     // when it ends, if the holder is not here
	over   chan struct{} // closed when somebody else has it, or nobody
}

type seat struct {
	namespace, group string
	number           uint32
}

// handed is an event that was delivered to a group.
type handed struct {
	number     uint32 // the consumer that has it in hand; 0: nobody
	epoch      uint64
	deliveries uint32
	acked      bool
	due        time.Time // when it comes again
}

// call is one Consume.
type call struct {
	n      *Node
	stream grpc.BidiStreamingServer[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse]
	open   *eventnodev1.OpenConsumer
	seat   seat
	lease  *lease

	events, bytes int64 // credit
	given, told   int
	requests      chan *eventnodev1.ConsumeRequest // nil: half-closed
}

// Consume is a consumer. It is simpler than a real one: what is nacked comes again at
// once, and terminated is acked.
func (n *Node) Consume(stream grpc.BidiStreamingServer[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	k := &call{n: n, stream: stream, open: first.GetOpen(), told: -1, requests: make(chan *eventnodev1.ConsumeRequest)}
	k.seat = seat{k.open.GetNamespace(), k.open.GetGroup(), max(k.open.GetConsumer(), 1)}
	leader, err := k.begin()
	if err != nil {
		return err
	}
	defer k.leave()
	go k.read()
	if err := k.send(&eventnodev1.ConsumeResponse{Opened: &eventnodev1.ConsumerOpened{
		Consumer: k.seat.number, Epoch: k.lease.epoch, LeaseTtl: durationpb.New(LeaseTTL)}}); err != nil {
		return err
	}
	return k.run(leader)
}

// begin has the lease granted.
func (k *call) begin() (leader string, err error) {
	c := k.n.c
	if err := c.enter(); err != nil {
		return "", err
	}
	defer c.mu.Unlock()
	k.n.consumers++
	for _, name := range k.open.GetStreams() {
		if _, err := c.group(k.streamName(name), k.seat.group); err != nil {
			return "", err
		}
	}
	if old := c.leases[k.seat]; old != nil {
		if old.holder != string(k.open.GetHolder()) && (old.here || time.Now().Before(old.until)) {
			return "", apierr.ToStatus(&eventnode.StreamError{Err: eventnode.ErrLeaseTaken, Reason: "the consumer is held by somebody else"})
		}
		c.end(k.seat, old.holder != string(k.open.GetHolder()))
	}
	c.epoch++
	k.lease = &lease{holder: string(k.open.GetHolder()), epoch: c.epoch, here: true, over: make(chan struct{})}
	c.leases[k.seat] = k.lease
	return c.leader, nil
}

func (k *call) streamName(name string) *eventnodev1.StreamName {
	return &eventnodev1.StreamName{Namespace: k.open.GetNamespace(), Name: name}
}

// group is what a group of a stream was handed. The caller holds mu.
func (c *Cluster) group(name *eventnodev1.StreamName, group string) (map[uint64]*handed, error) {
	s, err := c.find(name)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.config.GetGroups(), group) {
		return nil, apierr.ToStatus(eventnode.ConsumerGroupNotFound(s.name.name, group))
	}
	if s.handed[group] == nil {
		s.handed[group] = map[uint64]*handed{}
	}
	return s.handed[group], nil
}

// end ends a lease; gone: others have what it had. The caller holds mu.
func (c *Cluster) end(at seat, gone bool) {
	l := c.leases[at]
	if l == nil {
		return
	}
	delete(c.leases, at)
	close(l.over)
	for _, s := range c.streams {
		for _, h := range s.handed[at.group] {
			if gone && s.name.namespace == at.namespace && h.number == at.number {
				h.number = 0
			}
		}
	}
	c.change()
}

// leave gives the lease up for a while.
func (k *call) leave() {
	k.n.c.set(func() { k.lease.here, k.lease.until = false, time.Now().Add(LeaseTTL) })
}

// read passes requests on.
func (k *call) read() {
	defer close(k.requests)
	for {
		m, err := k.stream.Recv()
		if err != nil && !errors.Is(err, io.EOF) {
			return
		}
		select {
		case k.requests <- m:
		case <-k.stream.Context().Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// send sends a response, with the leader's address.
func (k *call) send(m *eventnodev1.ConsumeResponse) error {
	k.n.c.set(func() { m.LeaderAddress = k.n.address() })
	return k.stream.Send(m)
}

// run serves until the call ends.
func (k *call) run(leader string) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		moved, m, err := k.step(leader)
		if err == nil && m != nil {
			err = k.send(m)
		}
		if err != nil {
			return err
		}
		if m != nil && !m.GetIdle() {
			moved = k.n.c.always
		}
		select {
		case req, ok := <-k.requests:
			if !ok {
				return context.Cause(k.stream.Context())
			}
			if done, err := k.take(req); done || err != nil {
				return err
			}
		case <-k.lease.over:
			return apierr.ToStatus(fmt.Errorf("the lease is over: %w", eventnode.ErrFenced))
		case <-moved:
		case <-look.C:
		case <-k.stream.Context().Done():
			return context.Cause(k.stream.Context())
		}
	}
}

// take takes a request; done: it was the last one.
func (k *call) take(req *eventnodev1.ConsumeRequest) (done bool, err error) {
	switch r := req.GetRequest().(type) {
	case nil, *eventnodev1.ConsumeRequest_Close:
		k.n.c.set(func() {
			if k.n.c.leases[k.seat] == k.lease {
				k.n.c.end(k.seat, req != nil)
			}
		})
		return true, nil
	case *eventnodev1.ConsumeRequest_Credit:
		k.events, k.bytes = k.events+int64(r.Credit.GetEvents()), k.bytes+int64(r.Credit.GetBytes())
		k.given++
	case *eventnodev1.ConsumeRequest_Settle:
		m, drop := k.settle(r.Settle)
		if drop {
			return true, errCut()
		}
		return false, k.send(&eventnodev1.ConsumeResponse{Results: []*eventnodev1.SettleResult{m}})
	}
	return false, nil
}

// settle does what is said of events.
func (k *call) settle(m *eventnodev1.SettleEvents) (r *eventnodev1.SettleResult, drop bool) {
	c := k.n.c
	c.mu.Lock()
	defer c.mu.Unlock()
	r = &eventnodev1.SettleResult{Request: m.GetRequest()}
	c.settles++
	for _, e := range m.GetEvents() {
		all, err := c.group(k.streamName(k.open.GetStreams()[e.GetStream()]), k.seat.group)
		if err != nil {
			continue
		}
		for _, n := range e.GetNumbers() {
			for i := n.GetFrom(); i <= n.GetTo(); i++ {
				k.say(all[i], m, r)
			}
		}
	}
	if r.GetSettled()+r.GetAlready() == 0 {
		r.ErrorReason = apierr.Reason(eventnode.ErrNotPending)
	}
	c.change()
	if c.dropResults > 0 {
		c.dropResults--
		return nil, true
	}
	return r, false
}

func (k *call) say(h *handed, m *eventnodev1.SettleEvents, r *eventnodev1.SettleResult) {
	switch {
	case h == nil || h.number != k.seat.number && !h.acked, h.epoch != k.lease.epoch && !h.acked:
		r.Missed++
		return
	case h.acked:
		r.Already++
		return
	}
	r.Settled++
	switch m.GetVerb() {
	case eventnodev1.Verb_VERB_ACK, eventnodev1.Verb_VERB_TERMINATE:
		h.acked, h.number = true, 0
	case eventnodev1.Verb_VERB_EXTEND:
		h.due = time.Now().Add(AckWait)
	case eventnodev1.Verb_VERB_NACK_SILENT:
		h.deliveries--
		h.number = 0
	default:
		h.number = 0
	}
}

// step is the next response; nil: there is none before moved is closed.
func (k *call) step(leader string) (moved <-chan struct{}, m *eventnodev1.ConsumeResponse, err error) {
	if err := k.n.c.enter(); err != nil {
		return nil, nil, err
	}
	c := k.n.c
	defer c.mu.Unlock()
	if c.leader != leader {
		return nil, nil, apierr.ToStatus(fmt.Errorf("another node leads: %w", eventnode.ErrUnavailable))
	}
	m = &eventnodev1.ConsumeResponse{}
	for _, old := range []bool{true, false} { // what was in hand comes first
		for i := range k.open.GetStreams() {
			if err := k.fetch(m, uint32(i), old); err != nil {
				return nil, nil, err
			}
		}
	}
	if len(m.GetDeliveries()) > 0 {
		k.told = -1
		return nil, m, nil
	}
	if k.told != k.given && k.events > 0 && k.bytes > 0 {
		k.told = k.given
		return c.moved, &eventnodev1.ConsumeResponse{Idle: true}, nil
	}
	return c.moved, nil, nil
}

// fetch adds events of a stream. The caller holds mu.
func (k *call) fetch(m *eventnodev1.ConsumeResponse, place uint32, old bool) error {
	name := k.streamName(k.open.GetStreams()[place])
	all, err := k.n.c.group(name, k.seat.group)
	if err != nil {
		return apierr.ToStatus(fmt.Errorf("the lease is over: %w", eventnode.ErrFenced))
	}
	s, _ := k.n.c.find(name)
	for _, e := range s.events {
		h := all[e.number]
		if h == nil {
			h = &handed{}
		}
		mine := h.number == k.seat.number && h.epoch < k.lease.epoch
		free := h.number == 0 || !mine && time.Now().After(h.due)
		if h.acked || old && !mine || !old && !free || k.events <= 0 || k.bytes <= 0 || len(m.GetEnvelopes()) == pageDeliveries {
			continue
		}
		all[e.number] = h
		h.number, h.epoch, h.deliveries, h.due = k.seat.number, k.lease.epoch, h.deliveries+1, time.Now().Add(AckWait)
		k.events--
		k.bytes -= 100 // about
		m.Envelopes = append(m.Envelopes, e.envelope)
		m.Deliveries = append(m.Deliveries, &eventnodev1.Delivery{Stream: place, Deliveries: h.deliveries, AckWait: durationpb.New(AckWait),
			Slices: []*eventnodev1.Slice{{First: positionOf(e.position), Count: 1, Number: e.number}}})
	}
	return nil
}
