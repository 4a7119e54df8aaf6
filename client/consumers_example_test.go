package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/registry"
)

// Streams, and who reads them, are registered in code or in YAML.
func ExampleClient_Consumers_registering() {
	ctx, c, stop := storageNode()
	defer stop()

	r, err := registry.Parse([]byte(`
default:
  streams:
    stream-a:
      - read-group-a
      - read-group-ab
    stream-b:
      - read-group-ab
second:
  streams:
    stream-c:
      - read-group-c
`))
	if err != nil {
		fatal(err)
	}
	fmt.Println(r.Declare(ctx, c.Streams(), c.Consumers()), r.Groups()["read-group-ab"])

	r.Register("stream-a", "second", []string{"read-group-c"})
	fmt.Println(r.Validate())
	// Output:
	// <nil> [stream-a stream-b]
	// stream with name stream-a already exists
}

// An event has a body of any type; several are flushed in one trip.
func ExampleClient_Consumers_publishing() {
	ctx, c, stop := storageNode()
	defer stop()
	streams := c.Streams()

	if _, err := streams.PublishBody(ctx, "stream-a", "hello"); err != nil {
		fatal(err)
	}
	if _, err := streams.PublishBody(ctx, "stream-b", testStructEvent{Color: "red", Price: 12.34}); err != nil {
		fatal(err)
	}
	flusher := streams.NewFlusher()
	for _, err := range []error{
		flusher.Publish("stream-a", "hello"),
		flusher.Publish("stream-b", testStructEvent{Color: "red", Price: 12.34}),
	} {
		if err != nil {
			fatal(err)
		}
	}
	_, err := flusher.Flush(ctx) // now both are published
	a, _ := streams.Info(ctx, "stream-a")
	b, _ := streams.Info(ctx, "stream-b")
	fmt.Println(a.Count, b.Count, err)
	// Output: 2 2 <nil>
}

// A consumer of a group has the events of all of its streams, and waits for more until
// its context ends.
func ExampleClient_Consumers() {
	ctx, c, stop := storageNode()
	defer stop()
	publishTwo(ctx, c)

	ctx, cancel := context.WithCancel(ctx)
	consumer := c.Consumers().Consumer("read-group-ab")
	ran, err := consumer.Consume(ctx, 5, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		fmt.Printf("GOT %d EVENTS\n", len(events))
		var val string
		for _, event := range events {
			if err := event.Unserialize(&val); err != nil {
				return err
			}
			fmt.Printf("EVENT %s FROM STREAM %s\n", val, event.Stream())
		}
		cancel() // or it would wait for more
		return nil
	})
	fmt.Println("FINISHED", ran, err)
	// Output:
	// GOT 2 EVENTS
	// EVENT a FROM STREAM stream-a
	// EVENT b FROM STREAM stream-b
	// FINISHED true <nil>
}

func ExampleClient_Consumers_oneByOne() {
	ctx, c, stop := storageNode()
	defer stop()
	publishTwo(ctx, c)

	consumer := c.Consumers().Consumer("read-group-ab")
	consumer.DisableLoop()
	_, err := consumer.Consume(ctx, 1, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		fmt.Printf("GOT %d EVENTS\n", len(events))
		var val string
		for _, event := range events {
			if err := event.Unserialize(&val); err != nil {
				return err
			}
			fmt.Printf("EVENT %s FROM STREAM %s\n", val, event.Stream())
		}
		return nil
	})
	fmt.Println("FINISHED", err)
	// Output:
	// GOT 1 EVENTS
	// EVENT a FROM STREAM stream-a
	// GOT 1 EVENTS
	// EVENT b FROM STREAM stream-b
	// FINISHED <nil>
}

// Without its loop a consumer handles all there is, and finishes.
func ExampleClient_Consumers_disableLoop() {
	ctx, c, stop := storageNode()
	defer stop()
	publishTwo(ctx, c)

	consumer := c.Consumers().Consumer("read-group-ab")
	consumer.DisableLoop()
	_, err := consumer.Consume(ctx, 10, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		fmt.Printf("GOT %d EVENTS\n", len(events))
		return nil
	})
	fmt.Println("FINISHED", err)
	// Output:
	// GOT 2 EVENTS
	// FINISHED <nil>
}

// By default one consumer of a group runs at a time: a second one says so at once.
func ExampleClient_Consumers_exclusive() {
	ctx, c, stop := storageNode()
	defer stop()
	publishTwo(ctx, c)

	first, cancel := context.WithCancel(ctx)
	running, ended := make(chan struct{}), make(chan bool)
	go func() {
		ran, _ := c.Consumers().Consumer("read-group-ab").Consume(first, 5, func(context.Context, []*eventnode.StreamDelivery) error {
			close(running)
			return nil
		})
		ended <- ran
	}()
	<-running
	ran, err := c.Consumers().Consumer("read-group-ab").Consume(ctx, 5, func(context.Context, []*eventnode.StreamDelivery) error {
		fmt.Println("never called")
		return nil
	})
	fmt.Println("second:", ran, err)
	cancel()
	fmt.Println("first:", <-ended)
	// Output:
	// second: false <nil>
	// first: true
}

// Consumers of different numbers run beside each other.
func ExampleClient_Consumers_scaling() {
	ctx, c, stop := storageNode()
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	handled, ended := make(chan string), make(chan bool)
	for nr := 1; nr <= 2; nr++ {
		go func() {
			ran, _ := c.Consumers().Consumer("read-group-ab").ConsumeMany(ctx, nr, 5, func(_ context.Context, events []*eventnode.StreamDelivery) error {
				for _, event := range events {
					handled <- event.Stream()
				}
				return nil
			})
			ended <- ran
		}()
	}
	publishTwo(ctx, c)
	<-handled
	<-handled
	cancel()
	fmt.Println("running:", <-ended, <-ended)
	// Output: running: true true
}

// What a consumer that is stopped for good has in hand is claimed by another one.
func ExampleClient_Consumers_claim() {
	ctx, c, stop := storageNode()
	defer stop()
	publishTwo(ctx, c)
	consumers := c.Consumers()

	func() { // consumer 2 breaks down
		defer func() { fmt.Println("consumer 2:", recover()) }()
		_, _ = consumers.Consumer("read-group-ab").ConsumeMany(ctx, 2, 5, func(_ context.Context, events []*eventnode.StreamDelivery) error {
			panic("out of order")
		})
	}()
	consumer := consumers.Consumer("read-group-ab")
	moved, err := consumer.Claim(ctx, 2, 1)
	fmt.Println("claimed:", moved, err)
	consumer.DisableLoop()
	_, err = consumer.Consume(ctx, 5, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		fmt.Printf("consumer 1: GOT %d EVENTS, delivered %d times\n", len(events), events[0].Deliveries())
		return nil
	})
	fmt.Println(err)
	// Output:
	// consumer 2: out of order
	// claimed: 2 <nil>
	// consumer 1: GOT 2 EVENTS, delivered 2 times
	// <nil>
}

// Meta says how to read a body that has changed over time.
func ExampleClient_Consumers_versions() {
	ctx, c, stop := storageNode()
	defer stop()
	type eventV1 struct {
		Color string
		Price float32
	}
	type eventV2 struct {
		Color    string
		Price    float32
		Discount int
	}
	for _, err := range []error{
		publishBody(ctx, c, "stream-a", eventV1{Color: "red", Price: 12.23}, "version", "1"),
		publishBody(ctx, c, "stream-a", eventV2{Color: "blue", Price: 120.50, Discount: 5}, "version", "2"),
	} {
		if err != nil {
			fatal(err)
		}
	}
	consumer := c.Consumers().Consumer("read-group-a")
	consumer.DisableLoop()
	_, err := consumer.Consume(ctx, 5, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		for _, event := range events {
			switch event.Tag("version") {
			case "1":
				val := &eventV1{}
				fmt.Printf("%v %+v\n", event.Unserialize(val), *val)
			case "2":
				val := &eventV2{}
				fmt.Printf("%v %+v\n", event.Unserialize(val), *val)
			}
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// <nil> {Color:red Price:12.23}
	// <nil> {Color:blue Price:120.5 Discount:5}
	// <nil>
}

// An event may have meta only.
func ExampleClient_Consumers_metaOnly() {
	ctx, c, stop := storageNode()
	defer stop()
	if err := publishBody(ctx, c, "stream-page-views", nil, "url", "/about-us/", "ip", "232.12.24.11"); err != nil {
		fatal(err)
	}
	consumer := c.Consumers().Consumer("read-views")
	consumer.DisableLoop()
	_, err := consumer.Consume(ctx, 100, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		for _, event := range events {
			fmt.Printf("%q %q %q\n", event.Tag("url"), event.Tag("ip"), event.Tag("missing-key"))
			fmt.Println(event.HasBody(), errors.Is(event.Unserialize(new(string)), eventnode.ErrInvalidEvent))
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// "/about-us/" "232.12.24.11" ""
	// false true
	// <nil>
}

// An event goes when every group of its stream has acked it. No process is needed for
// that.
func ExampleClient_Consumers_whatIsAckedGoes() {
	ctx, c, stop := storageNode()
	defer stop()
	if err := publishBody(ctx, c, "stream-a", "hello"); err != nil {
		fatal(err)
	}
	for _, group := range []string{"read-group-a", "read-group-ab"} {
		consumer := c.Consumers().Consumer(group)
		consumer.DisableLoop()
		if _, err := consumer.Consume(ctx, 5, func(context.Context, []*eventnode.StreamDelivery) error { return nil }); err != nil {
			fatal(err)
		}
		info, err := c.Streams().Info(ctx, "stream-a")
		fmt.Println(group, "has acked, events left:", info.Count, err)
	}
	// Output:
	// read-group-a has acked, events left: 1 <nil>
	// read-group-ab has acked, events left: 0 <nil>
}

// Events one at a time: each is acked when the next one is asked for.
func ExampleClient_Consumers_events() {
	ctx, c, stop := storageNode()
	defer stop()
	publishTwo(ctx, c)
	for event, err := range c.Consumers().Consumer("read-group-ab").Events(ctx, 0) {
		if err != nil {
			fatal(err)
		}
		fmt.Println(event.Stream())
		if event.Stream() == "stream-b" {
			break // it is given back
		}
	}
	info, err := c.Consumers().Group(ctx, "stream-b", "read-group-ab")
	fmt.Println("pending:", info.Pending, err)
	// Output:
	// stream-a
	// stream-b
	// pending: 1 <nil>
}

// What fails is isolated, comes again, and in the end is a dead letter, with the reason.
func ExampleClient_Consumers_deadLetters() {
	ctx, c, stop := storageNode()
	defer stop()
	for _, body := range []string{"good", "bad", "good"} {
		if err := publishBody(ctx, c, "stream-c", body); err != nil {
			fatal(err)
		}
	}
	handler := func(_ context.Context, events []*eventnode.StreamDelivery) error {
		for _, event := range events {
			var val string
			if err := event.Unserialize(&val); err != nil || val == "bad" {
				return errors.New("cannot handle " + val)
			}
		}
		return nil
	}
	consumers := c.Consumers()
	consumer := consumers.Consumer("read-group-c", eventnode.WithErrorHandler(func(_ context.Context, err error, d *eventnode.StreamDelivery) {
		fmt.Println(d.Number(), err)
		_ = d.Terminate(err.Error()) // without this it would come again, 20 times
	}))
	consumer.DisableLoop()
	ran, err := consumer.Consume(ctx, 10, handler)
	fmt.Println(ran, err)
	for letter, err := range consumers.DeadLetters(ctx, "stream-c") {
		fmt.Printf("dead: %s %s %v\n", letter.Event.Event.Data, letter.Reason, err)
		n, err := consumers.DropDeadLetters(ctx, "stream-c", letter.Number)
		fmt.Println("dropped:", n, err)
	}
	// Output:
	// 2 cannot handle bad
	// true <nil>
	// dead: "bad" cannot handle bad <nil>
	// dropped: 1 <nil>
}

// A lock has one holder, until it is released or its time is over. Its token tells a
// holder that was paused from the next one.
func ExampleClient_Locks() {
	ctx, c, stop := storageNode()
	defer stop()
	locks := c.Locks()

	lock, err := locks.Obtain(ctx, "report", 10*time.Second, 0)
	if err != nil {
		fatal(err)
	}
	_, err = locks.Obtain(ctx, "report", 10*time.Second, 0)
	fmt.Println("taken:", errors.Is(err, eventnode.ErrLockTaken))
	fmt.Println("refreshed:", lock.Refresh(ctx, 20*time.Second), lock.TTL() > 15*time.Second)
	fmt.Println("released:", lock.Release(ctx), lock.Release(ctx))
	fmt.Println("lost:", errors.Is(lock.Refresh(ctx, time.Second), eventnode.ErrLockLost))

	next, err := locks.Obtain(ctx, "report", 10*time.Second, time.Second)
	fmt.Println("next:", next.Token() > lock.Token(), err)
	// Output:
	// taken: true
	// refreshed: <nil> true
	// released: <nil> <nil>
	// lost: true
	// next: true <nil>
}
