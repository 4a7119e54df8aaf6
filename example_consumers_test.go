package eventnode_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// queue is a node with a stream of events and a consumer group, for an example.
func queue(cfg eventnode.ConsumerGroupConfig, names ...string) (ctx context.Context, s eventnode.Streams, c eventnode.Consumers, stop func()) {
	ctx, n, stop := embedded()
	s, err := n.Streams(ctx, "")
	must(err)
	c, err = n.Consumers(ctx, "")
	must(err)
	_, err = s.Declare(ctx, "orders", eventnode.StreamConfig{})
	must(err)
	_, err = c.AddGroup(ctx, "orders", "billing", cfg, eventnode.StartPlace{})
	must(err)
	for _, name := range names {
		_, err := s.Publish(ctx, "orders", event.New(name, nil))
		must(err)
	}
	return ctx, s, c, stop
}

// A consumer group gets each event of its streams, from where it begins.
func ExampleConsumers() {
	ctx, _, consumers, stop := queue(eventnode.ConsumerGroupConfig{}, "a", "b", "c")
	defer stop()
	_, err := consumers.AddGroup(ctx, "orders", "mails", eventnode.ConsumerGroupConfig{MaxDeliver: 3}, eventnode.StartPlace{Newest: true})
	must(err)
	_, err = consumers.AddGroup(ctx, "orders", "mails", eventnode.ConsumerGroupConfig{MaxDeliver: 5}, eventnode.StartPlace{})
	fmt.Println(errors.Is(err, eventnode.ErrConsumerGroupDiffers))

	for g, err := range consumers.Groups(ctx, "orders") {
		fmt.Println(g.Name, "lag", g.Lag, "pending", g.Pending, err)
	}
	must(consumers.Seek(ctx, "orders", "mails", eventnode.StartPlace{})) // from the oldest one
	mails, err := consumers.Group(ctx, "orders", "mails")
	fmt.Println(mails.Name, "lag", mails.Lag, err)
	fmt.Println(consumers.RemoveGroup(ctx, "orders", "mails"))
	// Output:
	// true
	// billing lag 3 pending 0 <nil>
	// mails lag 0 pending 0 <nil>
	// mails lag 3 <nil>
	// <nil>
}

// A consumer has batches; what its handler returns without an error is acked.
func ExampleConsumer() {
	ctx, _, consumers, stop := queue(eventnode.ConsumerGroupConfig{}, "a", "b", "c")
	defer stop()
	consumer := consumers.Consumer("billing")
	consumer.DisableLoop() // ends when nothing is left; else with ctx
	ran, err := consumer.ConsumeMany(ctx, 1, 10, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		for _, d := range events {
			fmt.Println(d.Stream(), d.Number(), d.Event().Name)
		}
		return nil
	})
	fmt.Println(ran, err)
	// Output:
	// orders 1 a
	// orders 2 b
	// orders 3 c
	// true <nil>
}

// Events one by one: each is acked when the next one is asked for, unless something was
// said of it. The one at which the loop is left is given back.
func ExampleConsumer_Events() {
	ctx, _, consumers, stop := queue(eventnode.ConsumerGroupConfig{}, "a", "b", "c")
	defer stop()
	for d, err := range consumers.Consumer("billing").Events(ctx, 0) {
		must(err)
		fmt.Println(d.Event().Name)
		if d.Event().Name == "b" {
			must(d.AckAndWait(ctx)) // and so it is not given back
			break
		}
	}
	group, err := consumers.Group(ctx, "orders", "billing")
	fmt.Println("left:", group.Lag+group.Pending, err)
	// Output:
	// a
	// b
	// left: 1 <nil>
}

// What a handler says of an event counts: it comes again, at once or later, or never more.
func ExampleStreamDelivery() {
	ctx, _, consumers, stop := queue(eventnode.ConsumerGroupConfig{}, "late", "wrong", "fine")
	defer stop()
	ctx, done := context.WithCancel(ctx)
	defer done()
	_, err := consumers.Consumer("billing").Consume(ctx, 1, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		d := events[0]
		fmt.Println(d.Event().Name, "is delivered for the", d.Deliveries(), "time")
		switch {
		case d.Event().Name == "wrong":
			return d.Terminate("it makes no sense")
		case d.Event().Name == "late" && d.Deliveries() == 1:
			return d.Nack(200 * time.Millisecond)
		case d.Event().Name == "late":
			done()
		}
		return nil // and so it is acked
	})
	fmt.Println(err)
	// Output:
	// late is delivered for the 1 time
	// wrong is delivered for the 1 time
	// fine is delivered for the 1 time
	// late is delivered for the 2 time
	// <nil>
}

// Events that were given up are kept apart, with the reason; they are replayed, or dropped.
func ExampleConsumers_ReplayDeadLetters() {
	ctx, _, consumers, stop := queue(eventnode.ConsumerGroupConfig{MaxDeliver: 1}, "a", "b")
	defer stop()
	broken := true
	consume := func() {
		consumer := consumers.Consumer("billing")
		consumer.DisableLoop()
		_, err := consumer.Consume(ctx, 1, func(_ context.Context, events []*eventnode.StreamDelivery) error {
			if broken {
				return events[0].Terminate("the database is gone")
			}
			fmt.Println("handled:", events[0].Event().Name)
			return nil
		})
		must(err)
	}
	consume()
	var numbers []uint64
	for letter, err := range consumers.DeadLetters(ctx, "orders") {
		must(err)
		fmt.Println(letter.Number, letter.Event.Event.Name, letter.Group, letter.Reason)
		numbers = append(numbers, letter.Number)
	}
	broken = false
	replayed, err := consumers.ReplayDeadLetters(ctx, "orders", numbers[0])
	fmt.Println("replayed:", replayed, err)
	dropped, err := consumers.DropDeadLetters(ctx, "orders", numbers[1])
	fmt.Println("dropped:", dropped, err)
	consume()
	// Output:
	// 1 a billing the database is gone
	// 2 b billing the database is gone
	// replayed: 1 <nil>
	// dropped: 1 <nil>
	// handled: a
}

// settled is what a handler under test has said.
type settled []eventnode.Settlement

// Settle implements eventnode.Settler.
func (s *settled) Settle(_ *eventnode.StreamDelivery, what eventnode.Settlement) error {
	*s = append(*s, what)
	return nil
}

// Wait implements eventnode.Settler.
func (s *settled) Wait(context.Context) error { return nil }

// A handler is tested without a cluster.
func ExampleNewStreamDelivery() {
	var handler eventnode.StreamHandler = func(_ context.Context, events []*eventnode.StreamDelivery) error {
		for _, d := range events {
			if !d.HasBody() {
				return d.Terminate("there is nothing in it")
			}
		}
		return nil
	}
	said := new(settled)
	empty := eventnode.StreamEvent{Stream: "orders", Event: event.New("order_placed", nil)}
	d := eventnode.NewStreamDelivery(empty, 1, 1, said)
	err := handler(context.Background(), []*eventnode.StreamDelivery{&d})
	fmt.Println((*said)[0].Verb == eventnode.VerbTerminate, (*said)[0].Reason, err)
	// Output: true there is nothing in it <nil>
}
