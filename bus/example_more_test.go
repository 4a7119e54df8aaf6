package bus_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

// With starts, calls and closes, also after an error: nobody forgets to.
func ExampleWith() {
	p, err := bus.NewProducer(bus.Config{Transport: bus.NewMemory()})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	err = bus.With(ctx, p, func(ctx context.Context) error {
		return errors.Join(p.Produce(ctx, UserRegistered{UserID: 42, Username: "ada"}), errors.New("something else went wrong"))
	})
	fmt.Println(err)
	fmt.Println(p.Produce(ctx, event.New("user_renamed", nil), event.WithID(event.ID{1})))
	// Output:
	// something else went wrong
	// produce user_renamed 01000000-0000-0000-0000-000000000000: it is not started: closed
}

// A handler by name gets what is registered under it, and what is not, too.
func ExampleConsumer_OnName() {
	ctx, b, stop := memory(bus.Config{})
	defer stop()
	for _, name := range []string{"user_registered", "user_renamed"} {
		if _, err := b.OnName(name, func(_ context.Context, e *bus.AckEvent) error {
			fmt.Printf("%s: %T\n", e.Event.Name, e.Value)
			if e.Event.Name == "user_renamed" {
				stop()
			}
			return nil
		}); err != nil {
			panic(err)
		}
	}
	err := b.ProduceAll(ctx, UserRegistered{UserID: 42}, event.New("user_renamed", nil))
	fmt.Println(b.Run(ctx), err)
	// Output:
	// user_registered: bus_test.UserRegistered
	// user_renamed: event.ExternalEvent
	// <nil> <nil>
}

// Memory is a stream for unit tests: what fails comes again, and in the end is a dead
// letter.
func ExampleMemory() {
	m := &bus.Memory{MaxDeliver: 2, Backoff: time.Millisecond}
	ctx, b, stop := memory(bus.Config{Transport: m, OnError: func(ctx context.Context, err error, e *bus.AckEvent) {
		fmt.Println("try", e.Deliveries(), "of", e.Event.Name+":", err)
		if e.Deliveries() == 2 {
			_ = e.Consumer().Close(ctx) // or Run would wait for more
		}
	}})
	defer stop()
	handled(b, func(context.Context, UserRegistered) error { return errors.New("no mail server") })
	err := b.Produce(ctx, UserRegistered{UserID: 42, Username: "ada"})
	fmt.Println(b.Run(ctx), err)
	for _, letter := range m.DeadLetters() {
		fmt.Println("dead:", string(letter.Event.Event.Data), "after", letter.Deliveries, "deliveries")
	}
	// Output:
	// try 1 of user_registered: no mail server
	// try 2 of user_registered: no mail server
	// <nil> <nil>
	// dead: {"user_id":42,"username":"ada"} after 2 deliveries
}

// Events that go together: on a stream and in memory all of them are stored, or none.
func ExampleProducer_ProduceAll() {
	m := bus.NewMemory()
	ctx, b, stop := memory(bus.Config{Transport: m})
	defer stop()
	fmt.Println(b.ProduceAll(ctx, UserRegistered{UserID: 1}, UserRegistered{UserID: 2}), m.Len())

	type unknown struct{}
	err := b.ProduceAll(ctx, UserRegistered{UserID: 3}, unknown{})
	fmt.Println(errors.Is(err, event.ErrNotRegistered), m.Len())
	// Output:
	// <nil> 2
	// true 2
}

// An event that comes again although it was handled is not handled twice, by its ID.
func ExampleDedupe() {
	ctx, b, stop := memory(bus.Config{Middleware: []bus.Middleware{bus.Dedupe(10_000)}})
	defer stop()
	handled(b, func(_ context.Context, u UserRegistered) error {
		fmt.Println("welcome,", u.Username)
		if u.Username == "grace" {
			stop()
		}
		return nil
	})
	ada := event.WithID(event.NewID())
	err := errors.Join(
		b.Produce(ctx, UserRegistered{UserID: 42, Username: "ada"}, ada),
		b.Produce(ctx, UserRegistered{UserID: 42, Username: "ada"}, ada),
		b.Produce(ctx, UserRegistered{UserID: 43, Username: "grace"}),
	)
	fmt.Println(b.Run(ctx), err, b.Stats().Duplicates, "duplicate")
	// Output:
	// welcome, ada
	// welcome, grace
	// <nil> <nil> 1 duplicate
}

// Retry has a handler try again at once what may pass at once; Timeout bounds each try.
func ExampleRetry() {
	busy, wrong := errors.New("busy"), errors.New("wrong")
	ctx, b, stop := memory(bus.Config{
		Middleware: []bus.Middleware{
			bus.Retry(bus.RetryConfig{Attempts: 5, Min: time.Millisecond, If: func(err error) bool { return !errors.Is(err, wrong) }}),
			bus.Timeout(time.Minute),
		},
		OnError: func(_ context.Context, err error, e *bus.AckEvent) {
			fmt.Println("given up:", err, e.Ack())
		},
	})
	defer stop()
	tries := 0
	handled(b, func(ctx context.Context, u UserRegistered) error {
		_, bounded := ctx.Deadline()
		switch tries++; {
		case u.Username == "mallory":
			return wrong
		case tries < 4:
			return busy
		}
		fmt.Println("welcome,", u.Username, "at the", tries, "try;", bounded)
		stop()
		return nil
	})
	err := b.ProduceAll(ctx, UserRegistered{UserID: 1, Username: "mallory"}, UserRegistered{UserID: 2, Username: "ada"})
	fmt.Println(b.Run(ctx), err)
	// Output:
	// given up: wrong <nil>
	// welcome, ada at the 4 try; true
	// <nil> <nil>
}

// Middleware of one's own is a function around the handlers. Recover makes an error of what
// panics in it, for that which is around.
func ExampleMiddleware() {
	log := func(next bus.HandlerFunc) bus.HandlerFunc {
		return func(ctx context.Context, e *bus.AckEvent) error {
			err := next(ctx, e)
			fmt.Println(e.Event.Name, "ended:", err)
			return err
		}
	}
	broken := func(bus.HandlerFunc) bus.HandlerFunc {
		return func(context.Context, *bus.AckEvent) error { panic("oh no") }
	}
	ctx, b, stop := memory(bus.Config{
		Middleware: []bus.Middleware{log, bus.Recover(), broken},
		OnError:    func(ctx context.Context, _ error, e *bus.AckEvent) { _ = errors.Join(e.Ack(), e.Consumer().Close(ctx)) },
	})
	defer stop()
	handled(b, func(context.Context, UserRegistered) error { return nil })
	err := b.Produce(ctx, UserRegistered{UserID: 42})
	fmt.Println(b.Run(ctx), err)
	// Output:
	// user_registered ended: handler panicked: oh no
	// <nil> <nil>
}

// What a consumer has done so far.
func ExampleConsumer_Stats() {
	ctx, b, stop := memory(bus.Config{})
	defer stop()
	handled(b, func(context.Context, UserRegistered) error { stop(); return nil })
	err := b.ProduceAll(ctx, event.New("user_renamed", nil), event.New("user_registered", []byte("{")), UserRegistered{UserID: 42})
	fmt.Println(b.Run(ctx), err)
	st := b.Stats()
	fmt.Println("received", st.Received, "handled", st.Handled, "unhandled", st.Unhandled, "malformed", st.Malformed)
	// Output:
	// <nil> <nil>
	// received 3 handled 1 unhandled 1 malformed 1
}
