package node_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// What goes wrong with the event broker that this one is after, and must not here.
func TestConsumersWhereTheSourceBroke(t *testing.T) {
	in := brokers(t)
	for name, story := range map[string]func(*testing.T, *broker){
		"slow-handler": storySlowHandler, "poison": storyPoison, "claim": storyClaim, "gone": storyGone,
		"one-fails": storyOneFails, "interrupted": storyInterrupted, "flusher": storyFlusher, "iterator": storyIterator,
		"by-hand": storyByHand, "cut-off": storyCutOff, "dead": storyDead,
	} {
		t.Run(name, func(t *testing.T) { story(t, in(t, name)) })
	}
}

// storySlowHandler: a handler works for longer than a lease without its holder lasts, and
// several times longer than the ack wait. Nobody else gets the event meanwhile.
func storySlowHandler(t *testing.T, b *broker) {
	b.declare("a")
	b.group("a", "g", eventnode.ConsumerGroupConfig{AckWait: time.Second})
	b.publish("a", "e", 3)
	started := make(chan struct{}, 10)
	b.start("g", 1, 1, func(ctx context.Context, events []*eventnode.StreamDelivery) error {
		started <- struct{}{}
		select {
		case <-time.After(3500 * time.Millisecond):
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), context.Canceled) {
				t.Errorf("the lease was lost: %v", context.Cause(ctx))
			}
		}
		return nil
	})
	soon(t, "the slow one works", started)
	eventually(t, "the next one is in hand", func() bool { return b.inHand("a", "g", 1) == 2 })
	other := b.start("g", 2, 10, nil)
	if ran, err := b.consumers.Consumer("g").Consume(t.Context(), 1, func(context.Context, []*eventnode.StreamDelivery) error {
		t.Error("the same consumer runs twice")
		return nil
	}); ran || err != nil {
		t.Errorf("%v, %v", ran, err)
	}
	soon(t, "the slow one is done", started)
	if got := other.names(); !slices.Equal(got, []string{"e3"}) {
		t.Errorf("another one has got %v", got)
	}
	for e, err := range b.consumers.Pending(t.Context(), "a", "g", 0) {
		if err != nil || e.Deliveries != 1 {
			t.Errorf("%+v, %v", e, err)
		}
	}
}

// storyPoison: an event that always fails holds nobody up, and ends as a dead letter.
func storyPoison(t *testing.T, b *broker) {
	b.declare("a")
	b.group("a", "g", eventnode.ConsumerGroupConfig{MaxDeliver: 3, Backoff: time.Millisecond, BackoffMax: 5 * time.Millisecond})
	b.publish("a", "e", 5)
	var tries atomic.Int32
	w := b.start("g", 1, 1, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		if events[0].Event().Name == "e1" {
			tries.Add(1)
			return errors.New("poison")
		}
		return nil
	})
	eventually(t, "it is a dead letter", func() bool {
		for range b.consumers.DeadLetters(t.Context(), "a") {
			return true
		}
		return false
	})
	eventually(t, "the group has drained", func() bool { info := b.info("a", "g"); return info.Lag+info.Pending == 0 })
	w.stop()
	if tries.Load() != 3 {
		t.Errorf("tried %d times", tries.Load())
	}
	for l, err := range b.consumers.DeadLetters(t.Context(), "a") {
		if err != nil || l.Event.Event.Name != "e1" || l.Reason != "max_deliver" || l.Group != "g" || l.Deliveries != 3 || l.Event.Position.IsZero() || l.Died.IsZero() {
			t.Errorf("%+v, %v", l, err)
		}
	}
}

// storyClaim: what is claimed reaches a consumer that runs.
func storyClaim(t *testing.T, b *broker) {
	b.declare("a", "g")
	b.publish("a", "e", 3)
	b.panics("g", 2, 5, nil)
	w := b.start("g", 1, 5, nil)
	b.isThere("a", "g", 1)
	if n, err := b.consumers.Consumer("g").Claim(t.Context(), 2, 1); n != 3 || err != nil {
		t.Errorf("claimed %d, %v", n, err)
	}
	eventually(t, "it is handled", func() bool { return slices.Equal(w.names(), numbers("e", 3)) })
}

// storyGone: what a consumer had that ended, in whatever way, is handled by others,
// without anybody's help.
func storyGone(t *testing.T, b *broker) {
	b.declare("a")
	b.group("a", "g", eventnode.ConsumerGroupConfig{AckWait: 500 * time.Millisecond})
	b.publish("a", "e", 4)
	b.panics("g", 2, 2, nil, eventnode.WithoutPrefetch()) // it keeps what it had, and does not come back
	w := b.start("g", 1, 5, nil)
	eventually(t, "all is handled", func() bool { return len(w.names()) == 4 })
	if info := b.info("a", "g"); info.Lag != 0 {
		t.Errorf("%+v", info)
	}
}

// storyOneFails: of a batch one event may fail, and only that one comes again, or none
// if the handler swallows that it does.
func storyOneFails(t *testing.T, b *broker) {
	b.declare("a")
	b.group("a", "g", eventnode.ConsumerGroupConfig{Backoff: time.Millisecond})
	b.publish("a", "e", 3)
	w := b.start("g", 1, 5, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		for _, d := range events {
			if d.Event().Name != "e2" {
				continue
			}
			switch d.Deliveries() {
			case 1:
				return d.Nack(0)
			case 2:
				return errors.New("again")
			}
		}
		return nil
	})
	eventually(t, "the one came again", func() bool { return slices.Equal(w.names(), []string{"e1", "e2", "e3", "e2", "e2"}) })
	eventually(t, "the group has drained", func() bool { return b.info("a", "g").Pending == 0 })
}

// storyInterrupted: a handler that stops because its context ends has not failed: what it
// did not handle comes again at once, uncounted, and so does what waited.
func storyInterrupted(t *testing.T, b *broker) {
	b.declare("a", "g")
	b.publish("a", "e", 4)
	ctx, cancel := context.WithCancel(t.Context())
	ran, err := b.consumers.Consumer("g").Consume(ctx, 2, func(ctx context.Context, events []*eventnode.StreamDelivery) error {
		cancel()
		<-ctx.Done()
		if err := events[0].Ack(); err != nil {
			t.Error(err)
		}
		return ctx.Err()
	})
	if !ran || err != nil {
		t.Errorf("%v, %v", ran, err)
	}
	if info := b.info("a", "g"); info.Lag+info.Pending != 3 || info.ConsumerCount != 0 {
		t.Errorf("%+v", info)
	}
	b.want(b.consume("g", 2, 10), []string{"e2", "e3", "e4"})
}

// storyFlusher: a flusher with an event for a stream that is not there can be used again.
func storyFlusher(t *testing.T, b *broker) {
	b.declare("a", "g")
	f := b.streams.NewFlusher()
	for stream, name := range map[string]string{"a": "good", "none": "bad"} {
		if err := f.PublishEvent(stream, event.New(name, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Flush(t.Context()); !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Errorf("flushed: %v", err)
	}
	f.Discard("none")
	if err := f.PublishEvent("a", event.New("later", nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Flush(t.Context()); err != nil {
		t.Errorf("flushed again: %v", err)
	}
	b.want(b.consume("g", 1, 10), []string{"good", "later"})
}

// storyIterator: one event at a time, acked when the next one is asked for; the one at
// which the loop is left comes again, uncounted; a panic keeps it.
func storyIterator(t *testing.T, b *broker) {
	b.declare("a", "g")
	b.publish("a", "e", 4)
	read := func(n int) (names []string) {
		for d, err := range b.consumers.Consumer("g").Events(t.Context(), 0) {
			if err != nil || d.Deliveries() != 1 {
				t.Errorf("%v, %v", d, err)
				return names
			}
			if names = append(names, d.Event().Name); len(names) == n {
				break
			}
		}
		return names
	}
	if got := read(2); !slices.Equal(got, numbers("e", 2)) {
		t.Errorf("read %v", got)
	}
	if got := read(1); !slices.Equal(got, []string{"e2"}) {
		t.Errorf("read again %v", got)
	}
	func() {
		defer func() { _ = recover() }()
		for range b.consumers.Consumer("g").Events(t.Context(), 3) {
			panic("stop")
		}
	}()
	if n := b.inHand("a", "g", 3); n != 3 {
		t.Errorf("%d in hand", n)
	}
	w := b.start("g", 3, 1, nil)
	eventually(t, "the rest is handled", func() bool { return slices.Equal(w.names(), []string{"e2", "e3", "e4"}) })
	for _, err := range b.consumers.Consumer("g").Events(t.Context(), 3) {
		if !errors.Is(err, eventnode.ErrLeaseTaken) {
			t.Errorf("beside it: %v", err)
		}
	}
}

// storyByHand: who acks by hand may do so after the handler has returned; what is not
// settled comes again when the ack wait is over.
func storyByHand(t *testing.T, b *broker) {
	b.declare("a")
	b.group("a", "g", eventnode.ConsumerGroupConfig{AckWait: 1500 * time.Millisecond})
	b.publish("a", "e", 3)
	kept := make(chan *eventnode.StreamDelivery, 10)
	w := b.start("g", 1, 10, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		for _, d := range events {
			kept <- d
		}
		return nil
	}, eventnode.WithManualAck())
	for range 3 {
		d := soon(t, "an event", kept)
		if d.Event().Name == "e2" {
			continue // forgotten
		}
		if err := d.AckAndWait(t.Context()); err != nil {
			t.Error(err)
		}
		if err := d.Ack(); !errors.Is(err, eventnode.ErrNotPending) {
			t.Errorf("acked twice: %v", err)
		}
	}
	if info := b.info("a", "g"); info.Pending != 1 {
		t.Errorf("%+v", info)
	}
	d := soon(t, "the forgotten one", kept)
	if d.Event().Name != "e2" || d.Deliveries() != 2 {
		t.Errorf("%s, delivered %d times", d.Event().Name, d.Deliveries())
	}
	if err := d.AckAndWait(t.Context()); err != nil || b.info("a", "g").Pending != 0 {
		t.Error(err)
	}
	w.stop()
}

// storyCutOff: a consumer that can reach nobody, for longer than its lease lasts, is told
// to stop; others have what it had, and what it acks later does not count. Then it goes
// on.
func storyCutOff(t *testing.T, b *broker) {
	b.declare("a", "g")
	b.publish("a", "e", 1)
	network := &cuttable{}
	alone, err := client.Dial(t.Context(), b.addresses, client.WithDialer(network.Dial))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = alone.Close() })
	cut := *b
	cut.consumers = alone.Consumers(client.WithNamespace("cut-off"))
	works, acked := make(chan struct{}), make(chan error, 1)
	w := cut.start("g", 1, 10, func(ctx context.Context, events []*eventnode.StreamDelivery) error {
		if events[0].Event().Name != "e1" {
			return nil
		}
		network.Cut()
		close(works)
		soon(t, "it is told", ctx.Done())
		if !errors.Is(context.Cause(ctx), eventnode.ErrFenced) {
			t.Errorf("told %v", context.Cause(ctx))
		}
		acked <- events[0].Ack()
		return nil
	})
	soon(t, "it works", works)
	other := b.start("g", 2, 10, nil)
	eventually(t, "another one has it", func() bool { return slices.Equal(other.names(), []string{"e1"}) })
	if err := soon(t, "the ack", acked); !errors.Is(err, eventnode.ErrFenced) {
		t.Errorf("ack: %v", err)
	}
	other.stop()
	network.Mend()
	b.publish("a", "later", 1)
	eventually(t, "it goes on", func() bool { return slices.Equal(w.names(), []string{"e1", "later1"}) })
	w.stop()
	if !w.ran || w.err != nil {
		t.Errorf("%v, %v", w.ran, w.err)
	}
}

// storyDead: dead letters are listed in order, over pages, replayed and dropped.
func storyDead(t *testing.T, b *broker) {
	b.declare("a", "g")
	b.publish("a", "e", 300)
	c := b.consumers.Consumer("g")
	c.DisableLoop()
	if _, err := c.Consume(t.Context(), 100, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		for _, d := range events {
			if err := d.Terminate("no good"); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	letters := func() (names []string, all []uint64) {
		for l, err := range b.consumers.DeadLetters(t.Context(), "a") {
			if err != nil || l.Reason != "no good" {
				t.Fatalf("%+v, %v", l, err)
			}
			names, all = append(names, l.Event.Event.Name), append(all, l.Number)
		}
		return names, all
	}
	names, all := letters()
	if !slices.Equal(names, numbers("e", 300)) {
		t.Errorf("%d dead letters", len(names))
	}
	if n, err := b.consumers.ReplayDeadLetters(t.Context(), "a", all[:2]...); n != 2 || err != nil {
		t.Errorf("replayed %d, %v", n, err)
	}
	b.want(b.consume("g", 1, 10), numbers("e", 2))
	if n, err := b.consumers.DropDeadLetters(t.Context(), "a", append(all, all...)...); n != 298 || err != nil {
		t.Errorf("dropped %d, %v", n, err)
	}
	if names, _ := letters(); len(names) > 0 {
		t.Errorf("%d are left", len(names))
	}
}
