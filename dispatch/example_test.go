package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/event"
)

func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	d, err := dispatch.New(dispatch.Config{Self: "n1"})
	if err != nil {
		panic(err)
	}
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()

	sub, _ := d.Subscribe(ctx, []string{"topic:orders.eu", "topic:orders.us"})
	pub, _ := d.NewPublisher(ctx)
	_, _ = pub.Dispatch(ctx, "topic:orders.eu", event.New("order_created", []byte("1")))
	_, _ = pub.Dispatch(ctx, "topic:orders.us", event.New("order_created", []byte("2")))
	_, _ = pub.DispatchMany(ctx, []string{"topic:orders.eu", "topic:orders.us"}, event.New("market_closed", nil))

	for range 3 {
		delivery, _ := sub.Receive(ctx)
		fmt.Println(delivery.Event.Name, string(delivery.Event.Data), delivery.Topics)
	}
	cancel()
	<-ended
	// Output:
	// order_created 1 [topic:orders.eu]
	// order_created 2 [topic:orders.us]
	// market_closed  [topic:orders.eu topic:orders.us]
}

// A receipt counts the subscriptions whose queue took the event.
func ExamplePublisher_Dispatch_receipt() {
	ctx := context.Background()
	d, _ := dispatch.New(dispatch.Config{Self: "n1"})
	for range 3 {
		_, _ = d.Subscribe(ctx, []string{"topic:news"})
	}
	pub, _ := d.NewPublisher(ctx)
	receipt, _ := pub.Dispatch(ctx, "topic:news", event.New("headline", nil), eventnode.WithReceipt(0))
	fmt.Println(receipt.Reached, receipt.Nodes[0].Node)
	// Output: 3 n1
}

// What a full queue dropped is told in place, with the exact count.
func ExampleSubscription_Receive_gap() {
	ctx := context.Background()
	d, _ := dispatch.New(dispatch.Config{Self: "n1"})
	sub, _ := d.Subscribe(ctx, []string{"topic:ticks"}, eventnode.WithPolicy(eventnode.PolicyDropOldest), eventnode.WithQueue(2, 0))
	pub, _ := d.NewPublisher(ctx)
	for i := range 10 {
		_, _ = pub.Dispatch(ctx, "topic:ticks", event.New("tick", []byte(strconv.Itoa(i))))
	}
	for range 3 {
		delivery, _ := sub.Receive(ctx)
		if delivery.Gap != nil {
			fmt.Println("missed", delivery.Gap.Count)
			continue
		}
		fmt.Println("tick", string(delivery.Event.Data))
	}
	// Output:
	// missed 8
	// tick 8
	// tick 9
}

// An application's own kind of topic, with keys of its own.
func ExampleRegistry_Register() {
	kinds := dispatch.NewRegistry()
	_ = kinds.Register("guild", numbers{})
	_, err := kinds.ParseTopic("guild:lobby", 255)
	fmt.Println(err)
	topic, _ := kinds.ParseTopic("guild:42", 255)
	fmt.Println(topic.Kind, topic.Key)
	// Output:
	// bad topic "guild:lobby": its key is not a number
	// guild 42
}

// numbers is a backend whose keys are numbers.
type numbers struct{}

// ParseKey refuses what is no number.
func (numbers) ParseKey(key string) error {
	if _, err := strconv.ParseUint(key, 10, 64); err != nil {
		return errors.New("its key is not a number")
	}
	return nil
}
