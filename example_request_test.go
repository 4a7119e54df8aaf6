package eventnode_test

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A replier answers with an event or an error; a requester, made once, asks as often as it
// likes, and is told at once if nobody is there.
func ExampleRequester() {
	ctx, n, stop := embedded()
	defer stop()
	replying, end := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- eventnode.Reply(replying, n, []string{"topic:prices"}, func(_ context.Context, d eventnode.Delivery) (event.Event, error) {
			if string(d.Event.Data) != "tea" {
				return event.Event{}, errors.New("there is only tea")
			}
			return event.New("price_told", []byte("3.20")), nil
		}, eventnode.WithReady(func(eventnode.Subscription) { close(ready) }))
	}()
	<-ready

	r, err := eventnode.NewRequester(n, eventnode.RequesterConfig{})
	must(err)
	defer r.Close()
	for _, what := range []string{"tea", "coffee"} {
		reply, err := r.Request(ctx, "topic:prices", event.New("price_asked", []byte(what)))
		fmt.Println(string(reply.Data), err)
	}
	end()
	must(<-ended)
	_, err = r.Request(ctx, "topic:prices", event.New("price_asked", nil))
	fmt.Println(err)
	// Output:
	// 3.20 <nil>
	//  the replier of topic:prices says: there is only tea
	// topic topic:prices: no responders
}

// One replier may have several replies, and says when there are no more.
func ExampleReplyMany() {
	ctx, n, stop := embedded()
	defer stop()
	replying, end := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- eventnode.ReplyMany(replying, n, []string{"topic:rows"}, func(context.Context, eventnode.Delivery) iter.Seq2[event.Event, error] {
			return func(yield func(event.Event, error) bool) {
				for _, row := range []string{"one", "two"} {
					if !yield(event.New("row", []byte(row)), nil) {
						return
					}
				}
			}
		}, eventnode.WithReady(func(eventnode.Subscription) { close(ready) }))
	}()
	<-ready
	for reply, err := range eventnode.RequestMany(ctx, n, "topic:rows", event.New("rows_asked", nil)) {
		fmt.Println(string(reply.Data), err)
	}
	end()
	must(<-ended)
	// Output:
	// one <nil>
	// two <nil>
}
