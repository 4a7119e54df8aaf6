package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

// What a stream and a topic do beyond what all transports do.
func TestStreamsAndTopics(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"nothing to start with", missingStream},
		{"dead letters", deadLetters},
		{"order of keys", orderOfKeys},
		{"standing by", standingBy},
		{"published twice", publishedTwice},
		{"lost to retention", lostToRetention},
		{"a slow consumer of a topic", slowConsumer},
		{"a subscription that ends", endedSubscription},
		{"topics of an event", topicsOf},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, w) })
	}
}

// A stream or a group that is not there is told at the start.
func missingStream(t *testing.T, w *world) {
	streams, consumers := w.ofClient()
	s := bus.Stream{Streams: streams, Consumers: consumers, Stream: "nowhere", Group: "g"}
	p, err := bus.NewProducer(bus.Config{Transport: s})
	must(t, err)
	if err := p.Start(t.Context()); !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Errorf("the producer: %v", err)
	}
	c, err := bus.NewConsumer(bus.Config{Transport: s})
	must(t, err)
	if err := c.Start(t.Context()); !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Errorf("the consumer: %v", err)
	}
	s = w.stream(t, streams, consumers, eventnode.ConsumerGroupConfig{})
	s.AddGroup = nil
	c, err = bus.NewConsumer(bus.Config{Transport: s})
	must(t, err)
	if err := c.Start(t.Context()); !errors.Is(err, eventnode.ErrConsumerGroupNotFound) {
		t.Errorf("no group: %v", err)
	}
}

// What cannot be read, what a handler gives up and what fails too often are dead letters
// of the stream, with their reasons; nothing else is.
func deadLetters(t *testing.T, w *world) {
	streams, consumers := w.ofClient()
	s := w.stream(t, streams, consumers, eventnode.ConsumerGroupConfig{MaxDeliver: 2})
	b := started(t, bus.Config{Transport: s, OnError: func(context.Context, error, *bus.AckEvent) {}})
	on(t, b.Consumer, func(ctx context.Context, v userCreated) error {
		switch v.UserID {
		case 1:
			return bus.Received(ctx).Terminate("unwanted")
		case 2:
			return errors.New("never")
		}
		return nil
	})
	running(t, b.Consumer)
	must(t, b.Produce(t.Context(), event.New("user_created", []byte(`{"user_id":"x"}`))))
	for i := range 4 {
		must(t, b.Produce(t.Context(), userCreated{i, "ada"}))
	}
	must(t, b.Produce(t.Context(), &userDeleted{9})) // nobody handles it
	reasons := func() (list []string) {
		for letter, err := range consumers.DeadLetters(t.Context(), s.Stream) {
			must(t, err)
			list = append(list, fmt.Sprint(letter.Reason, " ", letter.Deliveries, " ", string(letter.Event.Event.Data)))
		}
		slices.Sort(list)
		return list
	}
	eventually(t, "three are dead", func() bool { return len(reasons()) == 3 })
	want := []string{
		`data of user_created: at byte 12: user_id is a string, not a whole number 1 {"user_id":"x"}`,
		`max_deliver 2 {"user_id":2,"username":"ada"}`, `unwanted 1 {"user_id":1,"username":"ada"}`,
	}
	if got := reasons(); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	eventually(t, "all else is acked", func() bool {
		info, err := consumers.Group(t.Context(), s.Stream, s.Group)
		must(t, err)
		return info.Lag+info.Pending == 0
	})
	if st := b.Stats(); st.Malformed != 1 || st.Unhandled != 1 || st.Failed != 2 || st.Handled != 3 {
		t.Errorf("%+v", st)
	}
}

// In a keyed group events of a key keep their order over several consumers with several
// lanes each, although handlers fail, panic and give back: none is handled before all
// before it were.
func orderOfKeys(t *testing.T, w *world) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	streams, consumers := w.ofClient()
	s := w.stream(t, streams, consumers, eventnode.ConsumerGroupConfig{Keyed: true, Backoff: time.Millisecond, BackoffMax: 20 * time.Millisecond, MaxDeliver: eventnode.NoMaxDeliver})
	s.Batch = 16
	const all, keys = 400, 20
	var mu sync.Mutex
	next := map[string]int{}
	handled := 0
	handle := func(ctx context.Context, v userCreated) error {
		mu.Lock()
		defer mu.Unlock()
		switch rnd.IntN(12) {
		case 0:
			return errors.New("boom")
		case 1:
			panic("boom")
		case 2:
			return bus.Received(ctx).GiveBack()
		}
		if v.UserID != next[v.Username] {
			t.Errorf("key %s: %d, want %d", v.Username, v.UserID, next[v.Username])
		}
		next[v.Username]++
		handled++
		return nil
	}
	for range 3 {
		b := started(t, bus.Config{Transport: s, Concurrency: 4, OnError: func(context.Context, error, *bus.AckEvent) {}})
		on(t, b.Consumer, handle)
		running(t, b.Consumer)
	}
	p := started(t, bus.Config{Transport: s})
	for i := range all {
		must(t, p.Produce(t.Context(), userCreated{i / keys, fmt.Sprint(i % keys)}))
	}
	eventually(t, "all is handled", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return handled == all
	})
}

// Of two that are the same consumer one waits until the other one has gone.
func standingBy(t *testing.T, w *world) {
	streams, consumers := w.ofClient()
	s := w.stream(t, streams, consumers, eventnode.ConsumerGroupConfig{})
	s.Number = 3
	var l log
	var stops []func()
	for i := range 2 {
		b := started(t, bus.Config{Transport: s})
		on(t, b.Consumer, func(_ context.Context, v userCreated) error { l.add(i, " ", v.UserID); return nil })
		stops = append(stops, running(t, b.Consumer))
		eventually(t, "somebody is consumer 3", func() bool {
			info, err := consumers.Group(t.Context(), s.Stream, s.Group)
			must(t, err)
			return len(info.Consumers) == 1 && info.Consumers[0].Number == 3 && info.Consumers[0].Connected
		})
	}
	p := started(t, bus.Config{Transport: s})
	must(t, p.Produce(t.Context(), userCreated{1, "ada"}))
	l.want(t, "0 1")
	stops[0]()
	must(t, p.Produce(t.Context(), userCreated{2, "ada"}))
	l.want(t, "0 1", "1 2")
}

// An event that is produced again under its ID stands in the stream once, if that is
// asked for.
func publishedTwice(t *testing.T, w *world) {
	streams, consumers := w.ofClient()
	s := w.stream(t, streams, consumers, eventnode.ConsumerGroupConfig{})
	s.Dedupe = true
	b := started(t, bus.Config{Transport: s})
	id := event.WithID(event.NewID())
	for range 3 {
		must(t, b.Produce(t.Context(), userCreated{1, "ada"}, id))
	}
	if info, err := streams.Info(t.Context(), s.Stream); err != nil || info.Published != 1 {
		t.Errorf("%d published, %v", info.Published, err)
	}
}

// What retention has removed before it was delivered is told as a gap.
func lostToRetention(t *testing.T, w *world) {
	streams, consumers := w.ofClient()
	s := w.stream(t, streams, consumers, eventnode.ConsumerGroupConfig{})
	must(t, streams.Update(t.Context(), s.Stream, eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxCount: 2}))
	var l log
	b := started(t, bus.Config{Transport: s, OnGap: func(_ context.Context, gap eventnode.Gap) { l.add("gap ", gap.Count, " ", gap.Known) }})
	for i := range 10 {
		must(t, b.Produce(t.Context(), userCreated{i, "ada"}))
	}
	on(t, b.Consumer, func(_ context.Context, v userCreated) error { l.add(v.UserID); return nil })
	running(t, b.Consumer)
	l.want(t, "gap 8 true", "8", "9")
}

// A consumer of a topic that is too slow misses events, and is told where; it goes on.
func slowConsumer(t *testing.T, w *world) {
	tr := w.topic(w.node)
	tr.Subscribe = []eventnode.SubscribeOption{eventnode.WithQueue(2, 0)} // drop_oldest
	var l log
	b := started(t, bus.Config{Transport: tr, OnGap: func(_ context.Context, gap eventnode.Gap) { l.add("gap ", gap.Count) }})
	for i := range 10 {
		must(t, b.Produce(t.Context(), userCreated{i, "ada"}))
	}
	on(t, b.Consumer, func(_ context.Context, v userCreated) error { l.add(v.UserID); return nil })
	running(t, b.Consumer)
	l.want(t, "gap 8", "8", "9")
	if st := b.Stats(); st.Gaps != 1 {
		t.Errorf("%+v", st)
	}
}

// A subscription that its policy has ended ends Run, with the reason.
func endedSubscription(t *testing.T, w *world) {
	tr := w.topic(w.node)
	tr.Subscribe = []eventnode.SubscribeOption{eventnode.WithQueue(2, 0), eventnode.WithPolicy(eventnode.PolicyDisconnect)}
	b := started(t, bus.Config{Transport: tr})
	for i := range 10 {
		must(t, b.Produce(t.Context(), userCreated{i, "ada"}))
	}
	if err := b.Run(t.Context()); !errors.Is(err, eventnode.ErrSlowSubscriber) {
		t.Errorf("Run: %v", err)
	}
}

// Where an event goes may depend on it.
func topicsOf(t *testing.T, w *world) {
	a, both := w.topic(w.client), w.topic(w.client)
	both.Topics = append(both.Topics, a.Topics...)
	a.TopicsOf = func(e event.Event) []string {
		if e.Key == "b" {
			return both.Topics[:1]
		}
		return a.Topics
	}
	var l log
	one := started(t, bus.Config{Transport: a})
	on(t, one.Consumer, func(ctx context.Context, v userCreated) error {
		l.add(v.Username, " ", slices.Equal(bus.Received(ctx).Topics(), a.Topics))
		return nil
	})
	running(t, one.Consumer)
	var l2 log
	two := started(t, bus.Config{Transport: both})
	on(t, two.Consumer, func(_ context.Context, v userCreated) error { l2.add(v.Username); return nil })
	running(t, two.Consumer)
	must(t, one.ProduceAll(t.Context(), userCreated{1, "b"}, userCreated{2, "a"}))
	l.want(t, "a true")
	l2.want(t, "b", "a")
}
