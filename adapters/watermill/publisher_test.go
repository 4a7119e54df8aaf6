package watermill_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/adapters/watermill"
	"github.com/eventnode/eventnode/event"
)

func TestPublisher(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"all or none", allOrNone},
		{"refused", refusedMessages},
		{"published twice", publishedTwice},
		{"the event of a message", eventOf},
		{"the end of a context", endOfMessage},
		{"closed", closedPublisher},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, w) })
	}
}

// published are the events of a stream.
func (w *world) published(t testing.TB, stream string) (evs []event.Event) {
	t.Helper()
	for ev, err := range w.streams.Read(t.Context(), stream) {
		must(t, err)
		evs = append(evs, ev.Event)
	}
	return evs
}

// Messages of one call are stored all or none, in their order.
func allOrNone(t *testing.T, w *world) {
	topic := w.topic()
	p := w.publisher(t, watermill.PublisherConfig{})
	var ms []*message.Message
	for i := range 100 {
		ms = append(ms, message.NewMessage("", fmt.Appendf(nil, "%d", i)))
	}
	must(t, p.Publish(topic, ms...))
	ms[99].Metadata["bad"] = "\xff"
	if err := p.Publish(topic, ms...); !errors.Is(err, eventnode.ErrInvalidEvent) {
		t.Errorf("%v", err)
	}
	evs := w.published(t, topic)
	if len(evs) != 100 {
		t.Fatalf("%d events", len(evs))
	}
	for i, ev := range evs {
		if string(ev.Data) != fmt.Sprint(i) {
			t.Fatalf("event %d is %s", i, ev.Data)
		}
	}
	must(t, p.Publish(topic)) // of nothing
}

// What is no event is refused, with the reason.
func refusedMessages(t *testing.T, w *world) {
	p := w.publisher(t, watermill.PublisherConfig{})
	for _, metadata := range []message.Metadata{
		{"": "no key"}, {"k": "\xff"}, {"\xff": "v"}, {event.MetaOriginalID: "x"}, {"eventnode.x": "y"},
	} {
		m := message.NewMessage("a", nil)
		m.Metadata = metadata
		if err := p.Publish("nowhere", m); !errors.Is(err, eventnode.ErrInvalidEvent) {
			t.Errorf("%q: %v", metadata, err)
		}
	}
	if err := p.Publish("nowhere", message.NewMessage("\xff", nil)); !errors.Is(err, eventnode.ErrInvalidEvent) {
		t.Errorf("%v", err)
	}
	if err := p.Publish(w.topic(), message.NewMessage("a", make([]byte, 2<<20))); !errors.Is(err, eventnode.ErrLimit) {
		t.Errorf("%v", err)
	}
	if err := p.Publish("", message.NewMessage("a", nil)); err == nil {
		t.Error("a topic without a name has taken a message")
	}
}

// With Dedupe a message that is published again stands in the stream once, whatever its
// UUID is; without it stands there twice.
func publishedTwice(t *testing.T, w *world) {
	for dedupe, want := range map[bool]int{true: 2, false: 6} {
		topic := w.topic()
		p := w.publisher(t, watermill.PublisherConfig{Dedupe: dedupe})
		for range 3 {
			publish(t, p, topic, "order 42", "0f5a7d1c-8f0e-4b57-8d11-6a2a2f9c3e10")
		}
		if n := len(w.published(t, topic)); n != want {
			t.Errorf("dedupe %v: %d events, want %d", dedupe, n, want)
		}
	}
}

// Name and key of an event are what one says they are.
func eventOf(t *testing.T, w *world) {
	topic := w.topic()
	m := message.NewMessage("a", []byte("data"))
	m.Metadata[watermill.MetadataKey] = "of metadata"
	m.Metadata["other"] = "value"
	must(t, w.publisher(t, watermill.PublisherConfig{}).Publish(topic, m))
	named := watermill.PublisherConfig{
		Name: func(topic string, m *message.Message) string { return m.Metadata["other"] + " " + topic },
		Key:  func(topic string, m *message.Message) string { return m.UUID + " " + topic },
	}
	must(t, w.publisher(t, named).Publish(topic, m))
	evs := w.published(t, topic)
	if ev := evs[0]; ev.Name != topic || ev.Key != "of metadata" || ev.Meta["other"] != "value" || string(ev.Data) != "data" {
		t.Errorf("%+v", ev)
	}
	if ev := evs[1]; ev.Name != "value "+topic || ev.Key != "a "+topic || ev.ID != evs[0].ID {
		t.Errorf("%+v", ev)
	}
	got, _ := next(t, subscribe(t, w.subscriber(t, watermill.SubscriberConfig{}), topic), "a")
	if !got.Equals(m) {
		t.Errorf("%q", got.Metadata)
	}
	got.Ack()
}

// Publish ends with the context of any of its messages.
func endOfMessage(t *testing.T, w *world) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	first, second := message.NewMessage("a", nil), message.NewMessage("b", nil)
	second.SetContext(ctx)
	for _, ms := range [][]*message.Message{{second}, {first, second}, {second, first}} {
		topic := w.topic()
		if err := w.publisher(t, watermill.PublisherConfig{}).Publish(topic, ms...); !errors.Is(err, context.Canceled) {
			t.Errorf("%d messages: %v", len(ms), err)
		}
	}
}

// A publisher that is closed refuses, and one without streams is not made.
func closedPublisher(t *testing.T, w *world) {
	p := w.publisher(t, watermill.PublisherConfig{})
	must(t, p.Close())
	if err := p.Publish("a", message.NewMessage("a", nil)); !errors.Is(err, eventnode.ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := watermill.NewPublisher(watermill.PublisherConfig{}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}
