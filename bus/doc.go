// Package bus produces and consumes typed events: a [Producer], a [Consumer], and a [Bus]
// that is both, over a live topic, a durable stream, or a queue in memory.
//
// # Guarantees
//
//   - [Topic] delivers at most once: each consumer that was started gets each event, and
//     is told what it misses.
//   - [Stream] delivers at least once: an event that was produced is stored by a majority
//     of the copies, and comes until it was acked or is a dead letter. Handlers must
//     bear to see an event again; [Dedupe] helps.
//   - [Memory] delivers at least once, in this process, for tests.
//   - Events of one producer come in its order. With [Config].Concurrency those of one key
//     do. What is nacked comes again later: of a keyed consumer group before what follows
//     it under its key, else behind what was there already.
//   - What cannot be read or handled is counted, told to Config.OnError, and ends nothing:
//     the next event is handled.
//   - An error of producing goes to who produces, with the event's name and ID.
//
// # Concurrency
//
// All methods may be called concurrently; a consumer consumes once at a time. New and
// Start start no goroutine; Run has handlers in goroutines of its own if
// Config.Concurrency is more than 1, and returns when they have ended. Where the
// transport has goroutines they are those of the client or node.
//
// # Failure
//
// Errors of producing are *event.ProduceError. What Run and Consume return is the
// transport's trouble; that of single events goes to Config.OnError. Between Start and
// Close the transport finds lost nodes and leaders again by itself.
//
// # Example
//
//	b, err := bus.New(bus.Config{Transport: bus.Topic{Live: client, Topics: []string{"topic:users"}}})
//	off, err := bus.On(b.Consumer, func(ctx context.Context, u UserCreated) error { ... })
//	err = bus.With(ctx, b, func(ctx context.Context) error {
//		return b.Produce(ctx, UserCreated{UserID: 42})
//	})
package bus
