// Package orders is a small service of somebody's, in a module of its own: a desk that
// counts what is ordered. Its tests run it on real nodes, and break these.
package orders

import (
	"context"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// topic is where orders are dispatched.
const topic = "topic:orders"

// Desk counts orders. Its methods are safe for concurrent use.
type Desk struct {
	mu     sync.Mutex
	orders map[string]int
	gaps   int
}

// Order orders an item.
func Order(ctx context.Context, live eventnode.Live, item string) error {
	_, err := live.Dispatch(ctx, topic, event.New("order_placed", []byte(item)))
	return err
}

// Serve counts orders until ctx ends. It is ready when it closes ready.
func (d *Desk) Serve(ctx context.Context, live eventnode.Live, ready chan<- struct{}) error {
	sub, err := live.Subscribe(ctx, []string{topic}, eventnode.WithPolicy(eventnode.PolicyBlock))
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	close(ready)
	for delivery, err := range sub.All(ctx) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		d.count(delivery)
	}
	return nil
}

func (d *Desk) count(delivery eventnode.Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if delivery.Gap != nil {
		d.gaps++
		return
	}
	if d.orders == nil {
		d.orders = map[string]int{}
	}
	d.orders[string(delivery.Event.Data)]++
}

// Ordered is how many of an item were ordered.
func (d *Desk) Ordered(item string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.orders[item]
}

// Gaps is how often the desk was told that it may have missed orders.
func (d *Desk) Gaps() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gaps
}
