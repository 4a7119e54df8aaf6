package bus_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

// UserRegistered tells that somebody has registered.
type UserRegistered struct {
	UserID   int    `json:"user_id"`
	Username string `json:"username"`
}

// EventKey keeps the events of a user in order.
func (u UserRegistered) EventKey() string { return fmt.Sprint("user:", u.UserID) }

var _ = event.Register[UserRegistered]("user_registered")

// Events are produced as structs, and handled by functions of their type.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	b, err := bus.New(bus.Config{Transport: bus.NewMemory()}) // or bus.Topic{...}, bus.Stream{...}
	if err != nil {
		panic(err)
	}
	_, err = bus.On(b.Consumer, func(_ context.Context, u UserRegistered) error {
		fmt.Println("welcome,", u.Username)
		stop() // or Run would wait for more
		return nil
	})
	if err != nil {
		panic(err)
	}
	err = bus.With(ctx, b, func(ctx context.Context) error {
		if err := b.Produce(ctx, UserRegistered{UserID: 42, Username: "ada"}); err != nil {
			return err
		}
		return b.Run(ctx)
	})
	fmt.Println(err)
	// Output:
	// welcome, ada
	// <nil>
}

// memory is a bus over memory that is started.
func memory(cfg bus.Config) (ctx context.Context, b *bus.Bus, stop func()) {
	ctx, stop = context.WithCancel(context.Background())
	if cfg.Transport == nil {
		cfg.Transport = bus.NewMemory()
	}
	b, err := bus.New(cfg)
	if err != nil {
		panic(err)
	}
	if err := b.Start(ctx); err != nil {
		panic(err)
	}
	return ctx, b, stop
}

// handled has a function handle events.
func handled[T any](b *bus.Bus, f func(context.Context, T) error) {
	if _, err := bus.On(b.Consumer, f); err != nil {
		panic(err)
	}
}

// Events one after the other: each is acked when the next one is asked for. Those of a
// name that nobody registered have all their fields.
func ExampleConsumer_Consume() {
	ctx, b, stop := memory(bus.Config{})
	defer stop()
	err := b.ProduceAll(ctx,
		UserRegistered{UserID: 42, Username: "ada"},
		event.New("user_renamed", []byte(`{"user_id":42}`)), // as it comes from elsewhere
	)
	for e, err := range b.Consume(ctx) {
		if err != nil {
			panic(err)
		}
		switch v := e.Value.(type) {
		case UserRegistered:
			fmt.Println(v.Username, "with key", e.Event.Key)
		case event.ExternalEvent:
			fmt.Println(v.Name, string(v.Data))
			stop()
		}
	}
	fmt.Println(err)
	// Output:
	// ada with key user:42
	// user_renamed {"user_id":42}
	// <nil>
}

// What a handler says of its event counts; what fails comes again.
func ExampleAckEvent() {
	m := bus.NewMemory()
	ctx, b, stop := memory(bus.Config{Transport: m})
	defer stop()
	handled(b, func(ctx context.Context, u UserRegistered) error {
		e := bus.Received(ctx)
		fmt.Println(u.Username, "delivered", e.Deliveries(), "times")
		switch {
		case u.Username == "":
			defer stop()
			return e.Terminate("there is no name")
		case e.Deliveries() == 1:
			return e.Nack(time.Millisecond)
		}
		return b.Produce(ctx, UserRegistered{UserID: 43})
	})
	err := b.Produce(ctx, UserRegistered{UserID: 42, Username: "ada"})
	fmt.Println(b.Run(ctx), err)
	fmt.Println("dead:", m.DeadLetters()[0].Reason)
	// Output:
	// ada delivered 1 times
	// ada delivered 2 times
	//  delivered 1 times
	// <nil> <nil>
	// dead: there is no name
}

// Several handlers of one event; the pointer is the same type. What On returns ends it.
func ExampleOn() {
	ctx, b, stop := memory(bus.Config{})
	defer stop()
	off, err := bus.On(b.Consumer, func(context.Context, UserRegistered) error { return errors.New("not called any more") })
	if err != nil {
		panic(err)
	}
	off()
	handled(b, func(_ context.Context, u UserRegistered) error { fmt.Println("first:", u.Username); return nil })
	handled(b, func(_ context.Context, x event.ExternalEvent) error {
		fmt.Println("nobody knows", x.Name)
		stop()
		return nil
	})
	handled(b, func(_ context.Context, u *UserRegistered) error { fmt.Println("second:", u.Username); return nil })
	err = b.ProduceAll(ctx, UserRegistered{UserID: 42, Username: "ada"}, event.New("user_renamed", nil))
	fmt.Println(b.Run(ctx), err)
	// Output:
	// first: ada
	// second: ada
	// nobody knows user_renamed
	// <nil> <nil>
}

// One event that cannot be read, and one whose handler panics, harm no other.
func ExampleConfig() {
	ctx, b, stop := memory(bus.Config{
		Concurrency: 1,
		Middleware:  []bus.Middleware{bus.Dedupe(0), bus.Retry(bus.RetryConfig{Min: time.Millisecond}), bus.Timeout(time.Minute)},
		Malformed:   bus.DeadLetter,
		OnError: func(_ context.Context, err error, e *bus.AckEvent) {
			fmt.Println("error:", err)
			_ = e.Ack() // it would come again
		},
	})
	defer stop()
	handled(b, func(_ context.Context, u UserRegistered) error {
		if u.Username == "mallory" {
			panic("oh no")
		}
		fmt.Println("welcome,", u.Username)
		stop()
		return nil
	})
	err := b.ProduceAll(ctx,
		event.New("user_registered", []byte(`{"user_id":"42"}`)),
		UserRegistered{UserID: 1, Username: "mallory"},
		UserRegistered{UserID: 2, Username: "ada"},
	)
	fmt.Println(b.Run(ctx), err)
	st := b.Stats()
	fmt.Println("handled", st.Handled, "malformed", st.Malformed, "panicked", st.Panicked)
	// Output:
	// error: data of user_registered: at byte 12: user_id is a string, not a whole number
	// error: handler panicked: oh no
	// welcome, ada
	// <nil> <nil>
	// handled 1 malformed 1 panicked 1
}

// Errors say which event it was, and why.
func ExampleProducer_ProduceSync() {
	ctx, b, stop := memory(bus.Config{Transport: &bus.Memory{MaxEventBytes: 100}})
	defer stop()
	fmt.Println(b.ProduceSync(ctx, time.Second, UserRegistered{UserID: 42, Username: "ada"}))
	err := b.ProduceSync(ctx, time.Second, event.New("file_added", make([]byte, 200)))
	if p, ok := errors.AsType[*event.ProduceError](err); ok {
		fmt.Println(p.Name, errors.Is(err, eventnode.ErrLimit), p.Err)
	}
	fmt.Println(b.Produce(ctx, event.ExternalEvent{}))
	// Output:
	// <nil>
	// file_added true limit max_event_bytes is 100, got 210
	// produce: an external event is not produced: register a type for it, or produce its Event to forward it as it came
}

// A stream keeps events until the consumer group has acked them. The same code runs over
// a topic: bus.Topic{Live: c, Topics: []string{"topic:users"}}.
func ExampleStream() {
	ctx, c, end := storage()
	defer end()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	users := bus.Stream{
		Streams: c.Streams(), Consumers: c.Consumers(), Stream: "users",
		Group: "mailer", AddGroup: &eventnode.ConsumerGroupConfig{Keyed: true},
	}
	b, err := bus.New(bus.Config{Transport: users, Concurrency: 8, Source: "accounts"})
	if err != nil {
		panic(err)
	}
	handled(b, func(ctx context.Context, u UserRegistered) error {
		e := bus.Received(ctx)
		fmt.Println(u.Username, "from", e.Event.Source, "in", e.Stream())
		stop()
		return nil
	})
	err = bus.With(ctx, b, func(ctx context.Context) error {
		if err := b.Produce(ctx, UserRegistered{UserID: 42, Username: "ada"}); err != nil {
			return err
		}
		return b.Run(ctx)
	})
	info, infoErr := c.Consumers().Group(context.Background(), "users", "mailer")
	fmt.Println(err, "left:", info.Lag+info.Pending, infoErr)
	// Output:
	// ada from accounts in users
	// <nil> left: 0 <nil>
}

// A topic is for those who are there.
func ExampleTopic() {
	ctx, c, end := storage()
	defer end()
	b, err := bus.New(bus.Config{Transport: bus.Topic{Live: c, Topics: []string{"topic:users"}}})
	if err != nil {
		panic(err)
	}
	err = bus.With(ctx, b, func(ctx context.Context) error {
		if err := b.Produce(ctx, UserRegistered{UserID: 42, Username: "ada"}); err != nil {
			return err
		}
		for e, err := range b.Consume(ctx) {
			if err != nil {
				return err
			}
			fmt.Printf("%+v by %v\n", e.Value, e.Topics())
			break
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// {UserID:42 Username:ada} by [topic:users]
	// <nil>
}

// Trace is where spans begin and end.
func ExampleTrace() {
	ctx, b, stop := memory(bus.Config{Middleware: []bus.Middleware{
		bus.Trace(func(ctx context.Context, e *bus.AckEvent) (context.Context, func(error)) {
			fmt.Println("begin", e.Event.Name, "of", e.Event.Meta["traceparent"])
			return ctx, func(err error) { fmt.Println("end:", err) }
		}),
	}})
	defer stop()
	handled(b, func(context.Context, UserRegistered) error { stop(); return nil })
	err := b.Produce(ctx, UserRegistered{UserID: 42}, event.WithMeta(map[string]string{"traceparent": "00-7f"}))
	fmt.Println(b.Run(ctx), err)
	// Output:
	// begin user_registered of 00-7f
	// end: <nil>
	// <nil> <nil>
}

// A bridge forwards what it does not know as it is: each event under its own ID.
func ExampleJoin() {
	from, to := bus.NewMemory(), bus.NewMemory()
	c, err := bus.NewConsumer(bus.Config{Transport: from})
	if err != nil {
		panic(err)
	}
	p, err := bus.NewProducer(bus.Config{Transport: to})
	if err != nil {
		panic(err)
	}
	bridge := bus.Join(p, c)
	ctx, in, stop := memory(bus.Config{Transport: from})
	defer stop()
	err = bus.With(ctx, bridge, func(ctx context.Context) error {
		if err := in.Produce(ctx, event.New("thing_happened", []byte("as it is"))); err != nil {
			return err
		}
		for e, err := range bridge.Consume(ctx) {
			if err != nil {
				return err
			}
			if err := bridge.Produce(ctx, e.Event); err != nil {
				return err // it was not acked: it comes again
			}
			return e.Ack() // and that is all for today
		}
		return nil
	})
	fmt.Println(from.Len(), to.Len(), err)
	// Output: 0 1 <nil>
}
