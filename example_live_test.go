package eventnode_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// embedded runs a node that keeps streams in this process, for an example.
func embedded() (ctx context.Context, n *node.Node, stop func()) {
	dir, err := os.MkdirTemp("", "eventnode-example-")
	must(err)
	n, err = node.New(node.Config{ID: "n1", DataDir: dir, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	<-n.Ready()
	return ctx, n, func() {
		cancel()
		must(<-ended)
		must(os.RemoveAll(dir))
	}
}

// must ends an example that went wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// What is written against Live runs over an embedded node and over a client alike.
func ExampleLive() {
	ctx, n, stop := embedded()
	defer stop()
	c, err := client.Dial(ctx, []string{n.RPCAddress()})
	must(err)
	defer c.Close()

	greet := func(live eventnode.Live, by string) {
		sub, err := live.Subscribe(ctx, []string{"topic:greetings"})
		must(err)
		defer sub.Close()
		_, err = live.Dispatch(ctx, "topic:greetings", event.New("hello_said", []byte(by)))
		must(err)
		d, err := sub.Receive(ctx)
		fmt.Println(d.Event.Name, string(d.Event.Data), err)
	}
	greet(n, "by a node")
	greet(c, "by a client")
	// Output:
	// hello_said by a node <nil>
	// hello_said by a client <nil>
}

// An event may go to several topics: who subscribes to more than one of them gets it once.
// What cannot be dispatched is an error that says why.
func ExamplePublisher() {
	ctx, n, stop := embedded()
	defer stop()
	sub, err := n.Subscribe(ctx, []string{"topic:sports", "topic:news"})
	must(err)
	defer sub.Close()

	pub, err := n.NewPublisher(ctx) // with an order of its own
	must(err)
	_, err = pub.DispatchMany(ctx, []string{"topic:sports", "topic:news"}, event.New("final_won", nil))
	must(err)
	_, err = pub.Dispatch(ctx, "topic:news", event.New("sun_shone", nil))
	must(err)
	_, err = pub.Dispatch(ctx, "news", event.New("sun_shone", nil))
	if bad, ok := errors.AsType[*eventnode.TopicError](err); ok {
		fmt.Println("refused:", bad.Topic, errors.Is(err, eventnode.ErrBadTopic))
	}
	_, err = pub.Dispatch(ctx, "topic:news", event.New("book_printed", make([]byte, 2<<20)))
	if limit, ok := errors.AsType[*eventnode.LimitError](err); ok {
		fmt.Println("refused:", limit.Limit, limit.Max)
	}
	must(pub.Close(ctx))

	for range 2 {
		d, err := sub.Receive(ctx)
		fmt.Println(d.Event.Name, d.Topics, err)
	}
	// Output:
	// refused: news true
	// refused: max_event_bytes 1048576
	// final_won [topic:sports topic:news] <nil>
	// sun_shone [topic:news] <nil>
}

// With a receipt Dispatch says how many subscriptions took the event.
func ExampleWithReceipt() {
	ctx, n, stop := embedded()
	defer stop()
	for range 3 {
		_, err := n.Subscribe(ctx, []string{"topic:news"})
		must(err)
	}
	receipt, err := n.Dispatch(ctx, "topic:news", event.New("sun_shone", nil), eventnode.WithReceipt(time.Second))
	fmt.Println(receipt.Reached, "at", receipt.Nodes[0].Node, err)
	// Output: 3 at n1 <nil>
}

// Of the members of a queue group one gets each event, beside every plain subscription.
func ExampleWithQueueGroup() {
	ctx, n, stop := embedded()
	defer stop()
	for range 3 {
		_, err := n.Subscribe(ctx, []string{"topic:orders.*"}, eventnode.WithQueueGroup("billing"))
		must(err)
	}
	_, err := n.Subscribe(ctx, []string{"topic:orders.eu"})
	must(err)
	receipt, err := n.Dispatch(ctx, "topic:orders.eu", event.New("order_created", nil), eventnode.WithReceipt(time.Second))
	fmt.Println(receipt.Reached, err)
	// Output: 2 <nil>
}

// When a queue is full its policy decides. What a subscription misses is told to it, in
// place.
func ExampleWithPolicy() {
	ctx, n, stop := embedded()
	defer stop()
	sub, err := n.Subscribe(ctx, []string{"topic:ticks"}, eventnode.WithQueue(2, 0), eventnode.WithPolicy(eventnode.PolicyDropOldest))
	must(err)
	defer sub.Close()
	for i := range 5 {
		_, err := n.Dispatch(ctx, "topic:ticks", event.New("clock_ticked", []byte(strconv.Itoa(i))))
		must(err)
	}
	for range 3 {
		d, err := sub.Receive(ctx)
		must(err)
		if d.Gap != nil {
			fmt.Println("missed", d.Gap.Count, "because", d.Gap.Reason)
			continue
		}
		fmt.Println("tick", string(d.Event.Data))
	}
	// Output:
	// missed 3 because queue_full
	// tick 3
	// tick 4
}

// In lanes events of one key are handled in their order, those of other keys beside them.
func ExampleWithKeyOrder() {
	sub := &scripted{end: eventnode.ErrClosed, list: []eventnode.Delivery{
		{Event: event.Event{Name: "account_opened", Key: "ada"}},
		{Event: event.Event{Name: "account_opened", Key: "bob"}},
		{Event: event.Event{Name: "money_paid_in", Key: "ada"}},
		{Event: event.Event{Name: "account_closed", Key: "ada"}},
	}}
	var mu sync.Mutex
	saw := map[string][]string{}
	stats := new(eventnode.HandleStats)
	err := eventnode.Handle(context.Background(), sub, func(_ context.Context, d eventnode.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		saw[d.Event.Key] = append(saw[d.Event.Key], d.Event.Name)
		return nil
	}, eventnode.WithKeyOrder(8), eventnode.WithHandleStats(stats))
	fmt.Println(saw["ada"], saw["bob"])
	fmt.Println(stats.Handled.Load(), "handled", err)
	// Output:
	// [account_opened money_paid_in account_closed] [account_opened]
	// 4 handled <nil>
}

// Without an order several events are handled at once, at most so many.
func ExampleWithConcurrency() {
	sub := &scripted{end: eventnode.ErrClosed, list: numbered(4, noKey)}
	var mu sync.Mutex
	var done, failed []string
	err := eventnode.Handle(context.Background(), sub, func(_ context.Context, d eventnode.Delivery) error {
		if d.Event.Name == "2" {
			return errors.New("not this one")
		}
		mu.Lock()
		defer mu.Unlock()
		done = append(done, d.Event.Name)
		return nil
	}, eventnode.WithConcurrency(2), eventnode.WithOnError(func(d eventnode.Delivery, err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = append(failed, d.Event.Name+": "+err.Error())
	}))
	slices.Sort(done)
	fmt.Println(done, failed, err)
	// Output: [0 1 3] [2: not this one] <nil>
}

// Which nodes there are, how one of them is, and who subscribes.
func ExampleCluster() {
	ctx, n, stop := embedded()
	defer stop()
	_, err := n.Subscribe(ctx, []string{"topic:news"}, eventnode.WithHolder("reader"))
	must(err)

	nodes, err := n.Nodes(ctx)
	must(err)
	for _, info := range nodes {
		fmt.Println(info.ID, info.State, info.Link)
	}
	status, err := n.Status(ctx)
	fmt.Println("healthy:", status.Healthy, err)
	subscriptions, unasked, err := n.Subscriptions(ctx, "topic:news")
	fmt.Println(subscriptions[0].Node, subscriptions[0].Holder, subscriptions[0].Policy, unasked, err)
	// Output:
	// n1 alive self
	// healthy: true <nil>
	// n1 reader drop_oldest [] <nil>
}
