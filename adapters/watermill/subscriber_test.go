package watermill_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/adapters/watermill"
)

// What the universal suite does not ask for.
func TestSubscriber(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"close waits for a handler", closeWaits},
		{"close gives back", closeGivesBack},
		{"dead letters", deadLetters},
		{"exclusive", exclusive},
		{"order of keys", orderOfKeys},
		{"a lost lease", lostLease},
		{"nacked, without a group", nackedWithoutGroup},
		{"where to start", start},
		{"lost to retention", lostToRetention},
		{"a group that is there", groupThatIsThere},
		{"no stream", noStream},
		{"a stream that is removed", removedStream},
		{"closed", closed},
		{"the end of the context", endOfContext},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, w) })
	}
}

// A message that is being handled when Close is called can be acked still, and does not
// come again; its context lasts.
func closeWaits(t *testing.T, w *world) {
	for _, group := range []string{"g", ""} {
		topic := w.topic()
		publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "a", "b")
		s := w.subscriber(t, watermill.SubscriberConfig{Group: group, CloseTimeout: time.Hour})
		c := subscribe(t, s, topic)
		m, _ := next(t, c, "a")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			must(t, s.Close())
		}()
		eventually(t, "it is closed", func() bool { return errors.Is(s.SubscribeInitialize(topic), eventnode.ErrClosed) })
		must(t, m.Context().Err())
		m.Ack()
		happens(t, "the channel is closed", c)
		happens(t, "Close returns", ended)
		happens(t, "the context of the message has ended", m.Context().Done())
		if group != "" {
			c = subscribe(t, w.subscriber(t, watermill.SubscriberConfig{Group: group}), topic)
			if m, n := next(t, c, "b"); n != 1 || !m.Ack() {
				t.Errorf("b was delivered %d times", n)
			}
		}
	}
}

// What is not acked in time is given back when the subscriber is closed, and what was not
// handed out is at once. None of it counts as a delivery.
func closeGivesBack(t *testing.T, w *world) {
	topic := w.topic()
	publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "a", "b", "c")
	s := w.subscriber(t, watermill.SubscriberConfig{Group: "g"})
	c := subscribe(t, s, topic)
	m, _ := next(t, c, "a")
	must(t, s.Close())
	happens(t, "the context of the message has ended", m.Context().Done())
	m.Ack() // too late
	c = subscribe(t, w.subscriber(t, watermill.SubscriberConfig{Group: "g"}), topic)
	for _, uuid := range []string{"a", "b", "c"} {
		if m, n := next(t, c, uuid); n != 1 || !m.Ack() {
			t.Errorf("%s was delivered %d times", uuid, n)
		}
	}
}

// A message that is nacked too often is a dead letter, and the next one comes.
func deadLetters(t *testing.T, w *world) {
	topic := w.topic()
	publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "a")
	s := w.subscriber(t, watermill.SubscriberConfig{Group: "g", NackDelay: time.Millisecond, GroupConfig: &eventnode.ConsumerGroupConfig{MaxDeliver: 3}})
	c := subscribe(t, s, topic)
	for want := range 3 {
		m, n := next(t, c, "a")
		if n != want+1 {
			t.Errorf("%d deliveries, want %d", n, want+1)
		}
		m.Nack()
	}
	eventually(t, "there is a dead letter", func() bool {
		for letter, err := range w.consumers.DeadLetters(t.Context(), topic) {
			must(t, err)
			return string(letter.Event.Event.Data) == "about a" && letter.Deliveries == 3
		}
		return false
	})
	publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "b")
	m, _ := next(t, c, "b")
	m.Ack()
}

// When a consumer loses its lease the context of its message ends, what is said of the
// message does not count, and it comes again.
func lostLease(t *testing.T, w *world) {
	topic := w.topic()
	publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "a", "b")
	c := subscribe(t, w.subscriber(t, watermill.SubscriberConfig{Group: "g"}), topic)
	m, _ := next(t, c, "a")
	must(t, w.consumers.DeleteConsumer(t.Context(), topic, "g", 1))
	happens(t, "the context of the message has ended", m.Context().Done())
	m.Ack()
	m, n := next(t, c, "a")
	if n != 2 {
		t.Errorf("%d deliveries", n)
	}
	m.Ack()
	m, _ = next(t, c, "b")
	m.Ack()
}

// Without a group a nacked message comes again before the next one.
func nackedWithoutGroup(t *testing.T, w *world) {
	topic := w.topic()
	publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "a", "b")
	c := subscribe(t, w.subscriber(t, watermill.SubscriberConfig{NackDelay: time.Millisecond}), topic)
	for want := range 3 {
		m, n := next(t, c, "a")
		if n != want+1 {
			t.Errorf("%d deliveries, want %d", n, want+1)
		}
		if want < 2 {
			m.Nack()
		} else {
			m.Ack()
		}
	}
	m, n := next(t, c, "b")
	if n != 1 {
		t.Errorf("%d deliveries", n)
	}
	m.Ack()
}

// Groups that are added, and subscriptions without one, begin where they are told to.
func start(t *testing.T, w *world) {
	for _, group := range []string{"g", ""} {
		topic := w.topic()
		p := w.publisher(t, watermill.PublisherConfig{})
		newest := eventnode.StartPlace{Newest: true}
		kept := eventnode.StreamConfig{Retain: eventnode.RetainLimits} // also what was acked
		empty := subscribe(t, w.subscriber(t, watermill.SubscriberConfig{Group: group, Start: newest, Stream: kept}), topic)
		publish(t, p, topic, "a", "b", "c")
		m, _ := next(t, empty, "a")
		d, _ := watermill.Received(m.Context())
		m.Ack()
		m, _ = next(t, empty, "b")
		at, _ := watermill.Received(m.Context())
		m.Ack()
		if d.Stream != topic || d.Event.Name != topic || at.Position.Compare(d.Position) <= 0 {
			t.Errorf("%+v, then %+v", d, at)
		}
		if group != "" {
			group = "other"
		}
		m, _ = next(t, subscribe(t, w.subscriber(t, watermill.SubscriberConfig{Group: group, Start: eventnode.StartPlace{At: &at.Position}}), topic), "b")
		m.Ack()
		if group != "" {
			group = "third"
		}
		full := subscribe(t, w.subscriber(t, watermill.SubscriberConfig{Group: group, Start: newest}), topic)
		publish(t, p, topic, "d")
		m, _ = next(t, full, "d")
		m.Ack()
	}
}

// What retention has removed before it was delivered is told, with its number.
func lostToRetention(t *testing.T, w *world) {
	topic := w.topic()
	few := eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxCount: 2}
	lost := make(chan uint64, 1)
	cfg := watermill.SubscriberConfig{Group: "g", Stream: few, OnLost: func(_ string, gap eventnode.Gap) { lost <- gap.Count }}
	must(t, w.subscriber(t, cfg).SubscribeInitialize(topic))
	publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "a", "b", "c", "d", "e")
	c := subscribe(t, w.subscriber(t, cfg), topic)
	for _, uuid := range []string{"d", "e"} {
		m, _ := next(t, c, uuid)
		m.Ack()
	}
	if n := <-lost; n != 3 {
		t.Errorf("%d messages are lost, want 3", n)
	}
}

// A group that is there is used as it is, unless it is to be served in another way.
func groupThatIsThere(t *testing.T, w *world) {
	topic := w.topic()
	must(t, w.subscriber(t, watermill.SubscriberConfig{Group: "g"}).SubscribeInitialize(topic))
	s, err := watermill.NewSubscriber(watermill.SubscriberConfig{Streams: w.streams, Consumers: w.consumers, Group: "g"})
	must(t, err)
	must(t, s.SubscribeInitialize(topic))
	must(t, s.Close())
	other := w.subscriber(t, watermill.SubscriberConfig{Group: "g", GroupConfig: &eventnode.ConsumerGroupConfig{Keyed: true}})
	if _, err := other.Subscribe(t.Context(), topic); !errors.Is(err, eventnode.ErrConsumerGroupDiffers) {
		t.Errorf("%v", err)
	}
}

// A stream is declared unless that is turned off.
func noStream(t *testing.T, w *world) {
	for _, group := range []string{"g", ""} {
		s := w.subscriber(t, watermill.SubscriberConfig{Group: group, NoDeclare: true})
		if _, err := s.Subscribe(t.Context(), "nowhere"); !errors.Is(err, eventnode.ErrStreamNotFound) {
			t.Errorf("%v", err)
		}
		if err := s.SubscribeInitialize("nowhere"); group != "" && !errors.Is(err, eventnode.ErrStreamNotFound) {
			t.Errorf("%v", err)
		}
	}
	p := w.publisher(t, watermill.PublisherConfig{NoDeclare: true})
	if err := p.Publish("nowhere", message.NewMessage("a", nil)); !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Errorf("%v", err)
	}
	to := func(topic string) string { return "stream-of-" + topic }
	publish(t, w.publisher(t, watermill.PublisherConfig{StreamOf: to}), "somewhere", "a")
	m, _ := next(t, subscribe(t, w.subscriber(t, watermill.SubscriberConfig{Group: "g", StreamOf: to, NoDeclare: true}), "somewhere"), "a")
	if d, _ := watermill.Received(m.Context()); d.Stream != "stream-of-somewhere" {
		t.Errorf("stream %q", d.Stream)
	}
	m.Ack()
}

// When the stream is removed a subscription ends.
func removedStream(t *testing.T, w *world) {
	for _, group := range []string{"g", ""} {
		topic := w.topic()
		c := subscribe(t, w.subscriber(t, watermill.SubscriberConfig{Group: group}), topic)
		publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "a")
		m, _ := next(t, c, "a")
		m.Ack()
		must(t, w.streams.Delete(t.Context(), topic))
		happens(t, "the channel is closed", c)
	}
}

// What is closed refuses.
func closed(t *testing.T, w *world) {
	s := w.subscriber(t, watermill.SubscriberConfig{})
	must(t, s.Close())
	if _, err := s.Subscribe(t.Context(), "a"); !errors.Is(err, eventnode.ErrClosed) {
		t.Errorf("%v", err)
	}
	if err := s.SubscribeInitialize("a"); !errors.Is(err, eventnode.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// A subscription ends with its context, and so does the context of its message.
func endOfContext(t *testing.T, w *world) {
	topic := w.topic()
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	s := w.subscriber(t, watermill.SubscriberConfig{Group: "g", CloseTimeout: time.Hour})
	c, err := s.Subscribe(ctx, topic)
	must(t, err)
	publish(t, w.publisher(t, watermill.PublisherConfig{}), topic, "a")
	m, _ := next(t, c, "a")
	if m.Context().Value(key{}) != "value" {
		t.Error("the context of the message lacks what that of Subscribe has")
	}
	cancel()
	happens(t, "the context of the message has ended", m.Context().Done())
	m.Ack()
	happens(t, "the channel is closed", c)
	eventually(t, "it is acked", func() bool {
		info, err := w.consumers.Group(t.Context(), topic, "g")
		must(t, err)
		return info.Lag+info.Pending == 0
	})
}

// What makes no sense is refused where it is said.
func TestSubscriberConfig(t *testing.T) {
	w := newWorld(t)
	for name, cfg := range map[string]watermill.SubscriberConfig{
		"no streams":                   {},
		"no consumers":                 {Streams: w.streams, Group: "g"},
		"exclusive without a group":    {Streams: w.streams, Exclusive: true},
		"served without a group":       {Streams: w.streams, GroupConfig: soon()},
		"nacked after no time at all":  {Streams: w.streams, NackDelay: time.Microsecond},
		"a batch of less than nothing": {Streams: w.streams, Batch: -1},
	} {
		if _, err := watermill.NewSubscriber(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
