package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// While consumers of clients of every node work, the leader is cut off from everything,
// or stopped in good order. Each event that was acked to its publisher is handled, keys
// keep their order, and every group drains: no consumer ends, or is stuck.
func TestSDKConsumersOutliveTheLeader(t *testing.T) {
	t.Run("cut off", func(t *testing.T) {
		testSDKOutlives(t, func(_ *stoppable, network *cuttable) { network.Cut() })
	})
	t.Run("stopped", func(t *testing.T) {
		testSDKOutlives(t, func(n *stoppable, _ *cuttable) { n.stop() })
	})
}

func testSDKOutlives(t *testing.T, end func(*stoppable, *cuttable)) {
	nodes, nets := consumingNodes(t)
	byName := map[string]int{}
	var addresses []string
	for i, n := range nodes {
		byName[string(n.Self().ID)] = i
		addresses = append(addresses, n.RPCAddress())
	}
	admin := dialAll(t, addresses)
	if _, err := admin.Streams().Declare(t.Context(), "orders", eventnode.StreamConfig{Groups: []string{"plain"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Consumers().AddGroup(t.Context(), "orders", "keyed", eventnode.ConsumerGroupConfig{Keyed: true}, eventnode.StartPlace{}); err != nil {
		t.Fatal(err)
	}
	plain, keyed := newConsumed(), newConsumed()
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	for i := range 5 {
		c, err := client.Dial(t.Context(), slices.Concat(addresses[i%3:], addresses[:i%3]))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		group, to := "plain", plain
		if i >= 3 {
			group, to = "keyed", keyed
		}
		working.Go(func() {
			ran, err := c.Consumers().Consumer(group).ConsumeMany(ctx, i%3+1, 20, func(_ context.Context, events []*eventnode.StreamDelivery) error {
				for _, d := range events {
					to.handle(d.Event().Name)
				}
				return nil
			})
			if !ran || err != nil {
				t.Errorf("consumer %d of %s: %v, %v", i%3+1, group, ran, err)
			}
		})
	}
	all, keys := 300, 10
	if testing.Short() {
		all = 90
	}
	for i := range all {
		if i == all/3 {
			info, err := admin.Streams().Info(t.Context(), "orders")
			if err != nil {
				t.Fatal(err)
			}
			at := byName[string(info.Leader)]
			t.Logf("%s ends after %d events", nodes[at].Self().ID, i)
			end(nodes[at], nets[at])
		}
		ev := event.New(fmt.Sprintf("%d-%05d", i%keys, i), nil)
		ev.Key = fmt.Sprint(i % keys)
		if _, err := admin.Streams().Publish(t.Context(), "orders", ev); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	eventually(t, "all is handled", func() bool { return plain.count() == all && keyed.count() == all })
	for _, group := range []string{"plain", "keyed"} {
		eventually(t, group+" has drained", func() bool {
			info, err := admin.Consumers().Group(t.Context(), "orders", group)
			return err == nil && info.Lag+info.Pending == 0
		})
	}
	cancel()
	working.Wait()
	next := map[string]string{}
	for _, name := range keyed.first {
		key, _, _ := strings.Cut(name, "-")
		if name < next[key] {
			t.Errorf("key %s: %s came behind %s", key, name, next[key])
		}
		next[key] = name
	}
}
