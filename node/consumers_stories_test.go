package node_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// What the tests of the event broker that this one is after do, told again on three
// nodes.
func TestConsumersLikeTheSource(t *testing.T) {
	in := brokers(t)
	for name, story := range map[string]func(*testing.T, *broker){
		"cleaned": storyCleaned, "scaled": storyScaled, "batches": storyBatches, "several-streams": storySeveral,
		"waiting": storyWaiting, "bodies": storyBodies, "not-there": storyNotThere, "deleted": storyEnded,
		"errors": storyErrors, "statistics": storyStatistics,
	} {
		t.Run(name, func(t *testing.T) { story(t, in(t, name)) })
	}
	t.Run("namespaces", func(t *testing.T) { storyNamespaces(t, in(t, "one"), in(t, "two")) })
}

// storyCleaned: events go when all groups have acked them, also by hand, also before a
// panic.
func storyCleaned(t *testing.T, b *broker) {
	b.declare("a", "group-1", "group-2")
	for _, count := range []int{1, 100} {
		b.publish("a", "e", 10)
		b.consume("group-1", 1, count)
		b.wantLen("a", 10)
		b.consume("group-2", 1, count)
		b.wantLen("a", 0)
	}
	b.publish("a", "e", 10)
	b.consume("group-1", 1, 100)
	if v := b.panics("group-2", 1, 100, func(events []*eventnode.StreamDelivery) {
		if err := events[0].AckAndWait(t.Context()); err != nil {
			t.Error(err)
		}
	}); v != "stop" {
		t.Errorf("panicked with %v", v)
	}
	b.wantLen("a", 9)
}

// storyScaled: one consumer of a number at a time; what it had when it broke down is
// claimed.
func storyScaled(t *testing.T, b *broker) {
	b.declare("a", "g")
	b.publish("a", "e", 10)
	started, release := make(chan struct{}), make(chan struct{})
	first := b.start("g", 1, 5, func(context.Context, []*eventnode.StreamDelivery) error {
		started <- struct{}{}
		<-release
		return nil
	}, eventnode.WithoutPrefetch())
	soon(t, "the first one works", started)
	second := b.consumers.Consumer("g")
	if ran, err := second.Consume(t.Context(), 5, func(context.Context, []*eventnode.StreamDelivery) error {
		t.Error("the second one was handed something")
		return nil
	}); ran || err != nil {
		t.Errorf("the second one: %v, %v", ran, err)
	}
	b.want(b.consume("g", 2, 10), numbers("e", 10)[5:]) // beside it
	close(release)
	eventually(t, "the first one has handled its part", func() bool { return b.info("a", "g").Pending == 0 })
	first.stop()
	if !first.ran || first.err != nil {
		t.Errorf("the first one: %v, %v", first.ran, first.err)
	}

	b.publish("a", "f", 3)
	b.panics("g", 1, 5, nil)
	if n := b.inHand("a", "g", 1); n != 3 {
		t.Errorf("consumer 1 has %d in hand", n)
	}
	claim := func(from, to int, want uint64) {
		t.Helper()
		if n, err := b.consumers.Consumer("g").Claim(t.Context(), from, to); n != want || err != nil {
			t.Errorf("claimed %d from %d, %v", n, from, err)
		}
	}
	claim(1, 2, 3)
	claim(7, 2, 0)
	if a, c := b.inHand("a", "g", 1), b.inHand("a", "g", 2); a != 0 || c != 3 {
		t.Errorf("consumer 1 has %d in hand, consumer 2 %d", a, c)
	}
	if _, err := b.consumers.Consumer("g").Claim(t.Context(), 2, 2); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("claimed from itself: %v", err)
	}
	b.want(b.consume("g", 2, 5), numbers("f", 3))
}

// storyBatches: in order, of the size asked for; nothing left behind; none if there is
// none.
func storyBatches(t *testing.T, b *broker) {
	b.declare("a", "g")
	b.want(b.consume("g", 1, 5))
	b.publish("a", "a", 10)
	b.want(b.consume("g", 1, 5), numbers("a", 10)[:5], numbers("a", 10)[5:])
	b.wantLen("a", 0)
	if info := b.info("a", "g"); info.Pending != 0 || info.Lag != 0 {
		t.Errorf("%+v", info)
	}
	b.publish("a", "b", 10)
	b.want(b.consume("g", 1, 8), numbers("b", 10)[:8], numbers("b", 10)[8:])
	// What was in hand comes first, then what is new.
	b.publish("a", "c", 2)
	b.panics("g", 1, 2, nil)
	b.publish("a", "d", 2)
	b.want(b.consume("g", 1, 3), []string{"c1", "c2", "d1"}, []string{"d2"})
}

// storySeveral: a group over two streams, in two pools; the count is that of all, or of
// each; a stream that gets the group later is read, too.
func storySeveral(t *testing.T, b *broker) {
	if _, err := b.streams.DeclarePool(t.Context(), eventnode.Pool{Name: "second"}); err != nil {
		t.Fatal(err)
	}
	b.declare("a", "g", "h")
	if _, err := b.streams.Declare(t.Context(), "b", eventnode.StreamConfig{Groups: []string{"g", "h"}, Pool: "second"}); err != nil {
		t.Fatal(err)
	}
	b.publish("a", "a", 10)
	b.publish("b", "b", 10)
	b.want(b.consume("g", 1, 8),
		slices.Concat(numbers("a", 10)[:4], numbers("b", 10)[:4]), slices.Concat(numbers("a", 10)[4:8], numbers("b", 10)[4:8]),
		slices.Concat(numbers("a", 10)[8:], numbers("b", 10)[8:]))
	b.want(b.consume("h", 1, 8, eventnode.WithCountPerStream()),
		slices.Concat(numbers("a", 10)[:8], numbers("b", 10)[:8]), slices.Concat(numbers("a", 10)[8:], numbers("b", 10)[8:]))
	b.publish("b", "only", 2)
	b.want(b.consume("g", 1, 5, eventnode.WithStreams("a")))
	b.want(b.consume("g", 1, 5, eventnode.WithStreams("b", "a")), numbers("only", 2))
}

// storyWaiting: a consumer waits for events, tells that it lives, and ends with its
// context, at once while it waits, after the batch while it works.
func storyWaiting(t *testing.T, b *broker) {
	b.declare("a", "g")
	beats := make(chan struct{}, 1000)
	w := b.start("g", 1, 5, nil, eventnode.WithHeartbeat(20*time.Millisecond, func() { beats <- struct{}{} }))
	soon(t, "the first heartbeat", beats)
	soon(t, "the next heartbeat", beats)
	b.publish("a", "late", 1)
	eventually(t, "the late one is handled", func() bool { return slices.Equal(w.names(), []string{"late1"}) })
	w.stop()
	if !w.ran || w.err != nil || len(beats) == 0 {
		t.Errorf("%v, %v, %d heartbeats", w.ran, w.err, len(beats))
	}
	b.publish("a", "e", 10)
	ctx, cancel := context.WithCancel(t.Context())
	batches := 0
	ran, err := b.consumers.Consumer("g").Consume(ctx, 1, func(context.Context, []*eventnode.StreamDelivery) error {
		if batches++; batches == 4 {
			cancel()
		}
		return nil
	})
	if !ran || err != nil || batches != 4 {
		t.Errorf("%v, %v after %d batches", ran, err, batches)
	}
	if ran, err := b.consumers.Consumer("g").Consume(ctx, 1, func(context.Context, []*eventnode.StreamDelivery) error {
		t.Error("handled, though the context had ended")
		return nil
	}); !ran || err != nil {
		t.Errorf("with a context that has ended: %v, %v", ran, err)
	}
	b.want(b.consume("g", 1, 10), numbers("e", 10)[4:])
}

// storyBodies: bodies come as they were, or not at all; a missing tag is empty.
func storyBodies(t *testing.T, b *broker) {
	type body struct{ Name string }
	b.declare("a", "g")
	for _, err := range []error{
		b.body("a", body{"John"}), b.body("a", body{"Ann"}, "version", "2", "s", "body"), b.body("a", nil, "tag", "only"), b.body("a", []byte{0xff}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := b.consumers.Consumer("g")
	c.DisableLoop()
	if _, err := c.Consume(t.Context(), 10, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		var got body
		if err := events[0].Unserialize(&got); err != nil || got.Name != "John" || events[0].Tag("version") != "" || len(events[0].Meta()) != 0 {
			t.Errorf("%v, %v", got, err)
		}
		if err := events[1].Unserialize(&got); err != nil || got.Name != "Ann" || events[1].Tag("version") != "2" || events[1].Tag("s") != "body" {
			t.Errorf("%v, %v", got, err)
		}
		if err := events[2].Unserialize(&got); !errors.Is(err, eventnode.ErrInvalidEvent) || events[2].HasBody() || events[2].Tag("tag") != "only" {
			t.Errorf("no body: %v", err)
		}
		var raw []byte
		if err := events[3].Unserialize(&raw); err != nil || !slices.Equal(raw, []byte{0xff}) {
			t.Errorf("%v, %v", raw, err)
		}
		if err := events[3].Unserialize(&got); !errors.Is(err, eventnode.ErrInvalidEvent) {
			t.Errorf("not JSON: %v", err)
		}
		for i, d := range events {
			if d.Stream() != "a" || d.Number() != uint64(i)+1 || d.Deliveries() != 1 || d.Epoch() == 0 || d.ID() != d.Position().String() || d.Time().IsZero() {
				t.Errorf("event %d: %v %d %d %d", i, d.ID(), d.Number(), d.Deliveries(), d.Epoch())
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func (b *broker) body(stream string, body any, meta ...string) error {
	_, err := b.streams.PublishBody(b.t.Context(), stream, body, meta...)
	return err
}

// storyNotThere: what is not there is named, and bad arguments are errors.
func storyNotThere(t *testing.T, b *broker) {
	b.declare("a", "g")
	handler := func(context.Context, []*eventnode.StreamDelivery) error { return nil }
	for name, c := range map[string]struct {
		consumer  eventnode.Consumer
		nr, count int
		handler   eventnode.StreamHandler
		want      error
	}{
		"no such group":           {b.consumers.Consumer("none"), 1, 1, handler, eventnode.ErrConsumerGroupNotFound},
		"no such group of stream": {b.consumers.Consumer("none", eventnode.WithStreams("a")), 1, 1, handler, eventnode.ErrConsumerGroupNotFound},
		"no such stream":          {b.consumers.Consumer("g", eventnode.WithStreams("none")), 1, 1, handler, eventnode.ErrStreamNotFound},
		"no group":                {b.consumers.Consumer(""), 1, 1, handler, eventnode.ErrInvalidArgument},
		"number 0":                {b.consumers.Consumer("g"), 0, 1, handler, eventnode.ErrInvalidArgument},
		"count 0":                 {b.consumers.Consumer("g"), 1, 0, handler, eventnode.ErrInvalidArgument},
		"no handler":              {b.consumers.Consumer("g"), 1, 1, nil, eventnode.ErrInvalidArgument},
		"a stream twice":          {b.consumers.Consumer("g", eventnode.WithStreams("a", "a")), 1, 1, handler, eventnode.ErrInvalidArgument},
		"too many streams":        {b.consumers.Consumer("g", eventnode.WithStreams(numbers("a", 257)...)), 1, 1, handler, eventnode.ErrLimit},
	} {
		if ran, err := c.consumer.ConsumeMany(t.Context(), c.nr, c.count, c.handler); ran || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, ran, err)
		}
	}
	if _, err := b.streams.PublishBody(t.Context(), "none", "x"); !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Error(err)
	}
	if err := b.consumers.Seek(t.Context(), "a", "g", eventnode.StartPlace{At: &eventnode.Position{MS: 1 << 60}}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("seek past the end: %v", err)
	}
	if err := b.consumers.Seek(t.Context(), "a", "g", eventnode.StartPlace{Newest: true, Since: time.Now()}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("two places: %v", err)
	}
	for _, err := range b.consumers.Consumer("none").Events(t.Context(), 1) {
		if !errors.Is(err, eventnode.ErrConsumerGroupNotFound) {
			t.Errorf("events: %v", err)
		}
	}
}

// storyEnded: a consumer that is deleted while it waits, or works, is not this consumer
// any more: its handler is told, its acks are refused.
func storyEnded(t *testing.T, b *broker) {
	b.declare("a", "g")
	waits := b.start("g", 1, 5, nil)
	b.isThere("a", "g", 1)
	end := func() {
		t.Helper()
		if err := b.consumers.DeleteConsumer(t.Context(), "a", "g", 1); err != nil {
			t.Error(err)
		}
	}
	end()
	soon(t, "the consumer ends", waits.done)
	if waits.ran || waits.err != nil {
		t.Errorf("deleted: %v, %v", waits.ran, waits.err)
	}
	b.publish("a", "e", 1)
	acked := make(chan error, 1)
	works := b.start("g", 1, 5, func(ctx context.Context, events []*eventnode.StreamDelivery) error {
		end()
		soon(t, "the handler is told", ctx.Done())
		if !errors.Is(context.Cause(ctx), eventnode.ErrFenced) {
			t.Errorf("told %v", context.Cause(ctx))
		}
		acked <- events[0].Ack()
		return nil
	})
	soon(t, "the consumer ends", works.done)
	if err := <-acked; works.ran || works.err != nil || !errors.Is(err, eventnode.ErrFenced) {
		t.Errorf("deleted: %v, %v; ack: %v", works.ran, works.err, err)
	}
	b.want(b.consume("g", 1, 5), []string{"e1"})
}

// storyErrors: a batch that fails is handled one by one, who panics keeps what it had,
// and a panic of the error handler goes on.
func storyErrors(t *testing.T, b *broker) {
	b.declare("a")
	b.group("a", "g", eventnode.ConsumerGroupConfig{Backoff: 10 * time.Millisecond})
	b.publish("a", "a", 1)
	b.panics("g", 1, 10, nil)
	if n := b.inHand("a", "g", 1); n != 1 {
		t.Errorf("%d in hand", n)
	}
	b.want(b.consume("g", 1, 10), []string{"a1"})

	b.publish("a", "b", 10)
	var alone, failed []string
	c := b.consumers.Consumer("g", eventnode.WithErrorHandler(func(_ context.Context, err error, d *eventnode.StreamDelivery) {
		failed = append(failed, d.Event().Name)
		if err := d.Ack(); err != nil { // or it would come again
			t.Error(err)
		}
	}))
	c.DisableLoop()
	ran, err := c.Consume(t.Context(), 10, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		if len(events) > 1 {
			if err := events[3].Ack(); err != nil {
				t.Error(err)
			}
			panic("one of them is bad")
		}
		alone = append(alone, events[0].Event().Name)
		if events[0].Event().Name == "b7" {
			return errors.New("this one")
		}
		return nil
	})
	want := slices.DeleteFunc(numbers("b", 10), func(s string) bool { return s == "b4" })
	if !ran || err != nil || !slices.Equal(alone, want) || !slices.Equal(failed, []string{"b7"}) {
		t.Errorf("%v, %v: alone %v, failed %v", ran, err, alone, failed)
	}
	b.wantLen("a", 0)

	b.publish("a", "c", 1)
	func() {
		defer func() {
			if v := recover(); v != "enough" {
				t.Errorf("panicked with %v", v)
			}
		}()
		_, _ = b.consumers.Consumer("g", eventnode.WithErrorHandler(func(context.Context, error, *eventnode.StreamDelivery) { panic("enough") })).
			Consume(t.Context(), 10, func(context.Context, []*eventnode.StreamDelivery) error { return errors.New("bad") })
	}()
	b.want(b.consume("g", 1, 10), []string{"c1"})
}
