package eventnodepubsub

import (
	"context"
	"errors"
	"flag"
	"strings"
	"sync/atomic"
	"testing"

	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"gocloud.dev/pubsub/drivertest"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// The driver conforms, over a client and over an embedded node, and no test is skipped.
func TestConformance(t *testing.T) {
	w := newWorld(t)
	streams, err := w.node.Streams(t.Context(), "")
	must(t, err)
	consumers, err := w.node.Consumers(t.Context(), "")
	must(t, err)
	for name, h := range map[string]*harness{
		"client": {w: w, streams: w.streams, consumers: w.consumers},
		"node":   {w: w, streams: streams, consumers: consumers},
	} {
		t.Run(name, func(t *testing.T) {
			var began atomic.Int32
			drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
				began.Add(1)
				t.Cleanup(func() {
					if t.Skipped() {
						t.Errorf("%s was skipped", t.Name())
					}
				})
				of := *h
				of.t = t
				return &of, nil
			}, []drivertest.AsTest{as{}})
			const all = 13 + 2 // of As: ours, and that of nil
			if filter := flag.Lookup("test.run").Value.String(); began.Load() != all && !strings.Contains(filter, "/") {
				t.Errorf("%d tests ran, want %d", began.Load(), all)
			}
		})
	}
}

// harness makes topics and subscriptions for the tests.
type harness struct {
	t         *testing.T
	w         *world
	streams   eventnode.Streams
	consumers eventnode.Consumers
}

var _ drivertest.Harness = (*harness)(nil)

// CreateTopic implements drivertest.Harness.
func (h *harness) CreateTopic(context.Context, string) (driver.Topic, func(), error) {
	return newTopic(h.streams, h.w.stream(h.t), &TopicOptions{}), func() {}, nil
}

// MakeNonexistentTopic implements drivertest.Harness.
func (h *harness) MakeNonexistentTopic(context.Context) (driver.Topic, error) {
	return newTopic(h.streams, "nowhere", &TopicOptions{}), nil
}

// CreateSubscription implements drivertest.Harness.
func (h *harness) CreateSubscription(_ context.Context, dt driver.Topic, _ string) (driver.Subscription, func(), error) {
	stream := dt.(*topic).stream
	return newSubscription(h.consumers, stream, h.w.group(h.t, stream, soon), &SubscriptionOptions{}), func() {}, nil
}

// MakeNonexistentSubscription implements drivertest.Harness.
func (h *harness) MakeNonexistentSubscription(context.Context) (driver.Subscription, func(), error) {
	return newSubscription(h.consumers, h.w.stream(h.t), "nobody", &SubscriptionOptions{}), func() {}, nil
}

// Close implements drivertest.Harness.
func (*harness) Close() {}

// MaxBatchSizes implements drivertest.Harness: there are none.
func (*harness) MaxBatchSizes() (send, ack int) { return 0, 0 }

// SupportsMultipleSubscriptions implements drivertest.Harness.
func (*harness) SupportsMultipleSubscriptions() bool { return true }

// as checks what is behind the portable types.
type as struct{}

var _ drivertest.AsTest = as{}

// Name implements drivertest.AsTest.
func (as) Name() string { return "eventnode" }

// TopicCheck implements drivertest.AsTest.
func (as) TopicCheck(t *pubsub.Topic) error {
	var streams eventnode.Streams
	if !t.As(&streams) || streams == nil {
		return errors.New("a topic has no streams")
	}
	return nil
}

// SubscriptionCheck implements drivertest.AsTest.
func (as) SubscriptionCheck(s *pubsub.Subscription) error {
	var consumers eventnode.Consumers
	if !s.As(&consumers) || consumers == nil {
		return errors.New("a subscription has no consumers")
	}
	return nil
}

// TopicErrorCheck implements drivertest.AsTest.
func (as) TopicErrorCheck(t *pubsub.Topic, err error) error {
	if !errors.Is(err, eventnode.ErrStreamNotFound) {
		return errors.New("not ErrStreamNotFound: " + err.Error())
	}
	var limit *eventnode.LimitError
	if t.ErrorAs(err, &limit) {
		return errors.New("a LimitError: " + err.Error())
	}
	return nil
}

// SubscriptionErrorCheck implements drivertest.AsTest.
func (as) SubscriptionErrorCheck(_ *pubsub.Subscription, err error) error {
	if !errors.Is(err, eventnode.ErrConsumerGroupNotFound) {
		return errors.New("not ErrConsumerGroupNotFound: " + err.Error())
	}
	return nil
}

// MessageCheck implements drivertest.AsTest.
func (as) MessageCheck(m *pubsub.Message) error {
	var d *eventnode.StreamDelivery
	if !m.As(&d) || d.Event().Name != "renamed" || d.Deliveries() != 1 || d.ID() != m.LoggableID {
		return errors.New("a message is no delivery, or of another event")
	}
	return nil
}

// BeforeSend implements drivertest.AsTest.
func (as) BeforeSend(as func(any) bool) error {
	var ev *event.Event
	var at eventnode.Position
	if !as(&ev) || as(&at) {
		return errors.New("before it is sent a message is an event, and nowhere")
	}
	ev.Name = "renamed"
	return nil
}

// AfterSend implements drivertest.AsTest.
func (as) AfterSend(as func(any) bool) error {
	var ev *event.Event
	var at eventnode.Position
	if !as(&ev) || ev.Name != "renamed" || !as(&at) || at.IsZero() {
		return errors.New("after it was sent a message is an event, and somewhere")
	}
	return nil
}
