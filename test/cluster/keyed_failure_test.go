package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// Where a handler fails in a keyed group, events of the same key that were delivered
// already do not come before the one that failed, though a batch of them waits at the
// consumer; also when each event is tried alone after a failure.
func TestKeysKeepTheirOrderAfterAFailure(t *testing.T) {
	t.Run("batches", func(t *testing.T) { testKeysAfterAFailure(t) })
	t.Run("one by one", func(t *testing.T) {
		testKeysAfterAFailure(t, eventnode.WithErrorHandler(func(context.Context, error, *eventnode.StreamDelivery) {}))
	})
}

func testKeysAfterAFailure(t *testing.T, opts ...eventnode.ConsumerOption) {
	t.Helper()
	c := cluster.Start(t, cluster.Config{Storage: true})
	c.Declare("orders", eventnode.StreamConfig{})
	cl := c.Node("n1").Client()
	cfg := eventnode.ConsumerGroupConfig{Keyed: true, Backoff: 50 * time.Millisecond}
	if _, err := cl.Consumers().AddGroup(t.Context(), "orders", "g", cfg, eventnode.StartPlace{}); err != nil {
		t.Fatal(err)
	}
	const all, keys, count = 120, 3, 10
	var events []event.Event
	for i := range all {
		ev := event.New(fmt.Sprint(i), nil)
		ev.Key = fmt.Sprint(i % keys)
		events = append(events, ev)
	}
	if _, err := cl.Streams().PublishMany(t.Context(), "orders", events); err != nil {
		t.Fatal(err)
	}
	last, handled, failed := map[string]uint64{}, map[uint64]bool{}, 0
	k := cl.Consumers().Consumer("g", opts...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := k.Consume(ctx, count, func(_ context.Context, batch []*eventnode.StreamDelivery) error {
		for _, d := range batch {
			if d.Number()%20 == 3 && d.Deliveries() == 1 {
				failed++
				return errors.New("on purpose")
			}
			if !handled[d.Number()] && d.Number() < last[d.Event().Key] {
				t.Errorf("key %s: number %d behind %d", d.Event().Key, d.Number(), last[d.Event().Key])
			}
			handled[d.Number()] = true
			last[d.Event().Key] = max(last[d.Event().Key], d.Number())
		}
		if len(handled) == all {
			cancel()
		}
		return nil
	})
	if err != nil || len(handled) != all || failed == 0 {
		t.Errorf("%d of %d handled, %d failures, %v", len(handled), all, failed, err)
	}
}
