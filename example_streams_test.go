package eventnode_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A stream keeps events, in their order. What has a position was fsynced by a majority.
func ExampleStreams() {
	ctx, n, stop := embedded()
	defer stop()
	streams, err := n.Streams(ctx, "") // as those of a client
	must(err)
	created, err := streams.Declare(ctx, "orders", eventnode.StreamConfig{})
	fmt.Println("created:", created, err)

	at, err := streams.Publish(ctx, "orders", event.New("order_placed", []byte("1")))
	must(err)
	both, err := streams.PublishMany(ctx, "orders", []event.Event{event.New("order_placed", []byte("2")), event.New("order_paid", []byte("1"))})
	fmt.Println("later:", at.Compare(both.First) < 0, "together:", both.Appended, err)
	for e, err := range streams.Read(ctx, "orders") {
		must(err)
		fmt.Println(e.Number, e.Event.Name, string(e.Event.Data))
	}
	_, err = streams.Publish(ctx, "nowhere", event.New("order_placed", nil))
	fmt.Println(err)
	// Output:
	// created: true <nil>
	// later: true together: 2 <nil>
	// 1 order_placed 1
	// 2 order_placed 2
	// 3 order_paid 1
	// stream "nowhere" is not there: declare it first
}

// Reading begins where one likes, and with WithFollow goes on with what comes.
func ExampleStreams_Read() {
	ctx, n, stop := embedded()
	defer stop()
	streams, err := n.Streams(ctx, "")
	must(err)
	_, err = streams.Declare(ctx, "orders", eventnode.StreamConfig{})
	must(err)
	var at []eventnode.Position
	for _, name := range []string{"a", "b", "c"} {
		p, err := streams.Publish(ctx, "orders", event.New(name, nil))
		must(err)
		at = append(at, p)
	}
	read := func(what string, opts ...eventnode.ReadOption) {
		fmt.Print(what, ":")
		for e, err := range streams.Read(ctx, "orders", opts...) {
			must(err)
			fmt.Print(" ", e.Event.Name)
		}
		fmt.Println()
	}
	read("all")
	read("from b", eventnode.WithFrom(at[1]))
	read("behind b", eventnode.WithAfter(at[1]))
	read("the last two", eventnode.WithLast(2))
	read("one", eventnode.WithLimit(1))
	read("of a minute", eventnode.WithSince(time.Now().Add(-time.Minute)))

	for e, err := range streams.Read(ctx, "orders", eventnode.WithAfter(at[1]), eventnode.WithFollow()) {
		must(err)
		fmt.Println("followed:", e.Event.Name)
		if e.Event.Name == "d" {
			break
		}
		_, err := streams.Publish(ctx, "orders", event.New("d", nil))
		must(err)
	}
	// Output:
	// all: a b c
	// from b: b c
	// behind b: c
	// the last two: b c
	// one: a
	// of a minute: a b c
	// followed: c
	// followed: d
}

// Who was faster is found out: nothing is appended behind what one has not read.
func ExampleWithExpectLast() {
	ctx, n, stop := embedded()
	defer stop()
	streams, err := n.Streams(ctx, "")
	must(err)
	_, err = streams.Declare(ctx, "account-7", eventnode.StreamConfig{})
	must(err)
	var none eventnode.Position
	opened, err := streams.Publish(ctx, "account-7", event.New("account_opened", nil), eventnode.WithExpectLast(none))
	must(err)
	_, err = streams.Publish(ctx, "account-7", event.New("account_closed", nil), eventnode.WithExpectLast(opened))
	fmt.Println("closed:", err)
	_, err = streams.Publish(ctx, "account-7", event.New("money_paid_in", nil), eventnode.WithExpectLast(opened))
	fmt.Println("too late:", errors.Is(err, eventnode.ErrWrongLast))
	// Output:
	// closed: <nil>
	// too late: true
}

// What is published again, by whomever, stands in the stream once: by its ID.
func ExampleWithDedupe() {
	ctx, n, stop := embedded()
	defer stop()
	streams, err := n.Streams(ctx, "")
	must(err)
	_, err = streams.Declare(ctx, "orders", eventnode.StreamConfig{DedupeWindow: time.Hour})
	must(err)
	placed := event.New("order_placed", nil)
	for range 2 {
		at, err := streams.Publish(ctx, "orders", placed, eventnode.WithDedupe())
		fmt.Println("known already:", at.IsZero(), err)
	}
	info, err := streams.Info(ctx, "orders")
	fmt.Println("published:", info.Published, err)
	// Output:
	// known already: false <nil>
	// known already: true <nil>
	// published: 1 <nil>
}

// By default a stream keeps an event until every group has acked it. With RetainLimits it
// keeps what does not exceed a limit, acked or not.
func ExampleStreamConfig() {
	ctx, n, stop := embedded()
	defer stop()
	streams, err := n.Streams(ctx, "")
	must(err)
	log := eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxCount: 2, MaxAge: 24 * time.Hour}
	must(streams.Create(ctx, "log", log))
	for _, name := range []string{"a", "b", "c"} {
		_, err := streams.Publish(ctx, "log", event.New(name, nil))
		must(err)
	}
	for e, err := range streams.Read(ctx, "log") {
		must(err)
		fmt.Println(e.Number, e.Event.Name)
	}
	log.MaxCount = 10
	_, err = streams.Declare(ctx, "log", log)
	fmt.Println(errors.Is(err, eventnode.ErrStreamDiffers))
	fmt.Println(streams.Update(ctx, "log", log))
	// Output:
	// 2 b
	// 3 c
	// true
	// <nil>
}

// A flusher publishes to many streams in one trip. What failed stays in it.
func ExampleFlusher() {
	ctx, n, stop := embedded()
	defer stop()
	streams, err := n.Streams(ctx, "")
	must(err)
	_, err = streams.Declare(ctx, "orders", eventnode.StreamConfig{})
	must(err)
	f := streams.NewFlusher()
	must(f.Publish("orders", map[string]int{"id": 1}, "version", "2"))
	must(f.PublishEvent("orders", event.New("order_paid", nil)))
	must(f.PublishEvent("mails", event.New("mail_sent", nil)))

	at, err := f.Flush(ctx)
	fmt.Println(at[0].Compare(at[1]) < 0, at[2].IsZero())
	if failed, ok := errors.AsType[*eventnode.FlushError](err); ok {
		fmt.Println(failed.Failures[0].Stream, errors.Is(err, eventnode.ErrStreamNotFound))
	}
	fmt.Println("left:", f.Len(), "discarded:", f.Discard("mails"))
	// Output:
	// true true
	// mails true
	// left: 1 discarded: 1
}

// A position is written as "ms-seq"; later events have greater ones.
func ExampleParsePosition() {
	a, err := eventnode.ParsePosition("1719500000000-3")
	must(err)
	b, err := eventnode.ParsePosition("1719500000001") // the first one of that millisecond
	must(err)
	fmt.Println(a, b, a.Compare(b))
	_, err = eventnode.ParsePosition("yesterday")
	fmt.Println(err)
	// Output:
	// 1719500000000-3 1719500000001-0 -1
	// position "yesterday": write it as ms-seq, such as 1719500000000-0: invalid argument
}
