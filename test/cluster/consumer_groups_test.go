package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// A thousand consumer groups, each of which has an event in hand, are all there after all
// nodes were killed, with what they had in hand first. (How much memory and time a hundred
// thousand take is measured: consume/scale.)
func TestAThousandConsumerGroups(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	const streams, groups, events = 10, 100, 2
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true})
	var names []string
	for g := range groups {
		names = append(names, fmt.Sprintf("g%02d", g))
	}
	for s := range streams {
		name := fmt.Sprint("s", s)
		c.Declare(name, eventnode.StreamConfig{Groups: names})
		list := make([]event.Event, events)
		for i := range list {
			list[i] = event.New("placed", nil)
		}
		if _, err := allOf(c).Streams().PublishMany(t.Context(), name, list); err != nil {
			t.Fatal(err)
		}
	}
	had := make([]map[string]int, groups) // how often each group was handed what
	each := func(f func(ctx context.Context, consumers eventnode.Consumers, g int) error) {
		t.Helper()
		consumers := allOf(c).Consumers()
		eg, ctx := errgroup.WithContext(t.Context())
		eg.SetLimit(8)
		for g := range groups {
			eg.Go(func() error { return f(ctx, consumers, g) })
		}
		if err := eg.Wait(); err != nil {
			t.Fatal(err)
		}
	}

	each(func(ctx context.Context, consumers eventnode.Consumers, g int) error {
		had[g] = map[string]int{}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		k := consumers.Consumer(names[g], eventnode.WithManualAck(), eventnode.WithoutPrefetch())
		_, err := k.Consume(ctx, streams, func(_ context.Context, batch []*eventnode.StreamDelivery) error {
			for _, d := range batch {
				had[g][fmt.Sprint(d.Stream(), d.Number())] = d.Deliveries()
			}
			stop()
			return nil
		})
		return err
	})

	c.KillAll("n1", "n2", "n3")
	for _, name := range []string{"n1", "n2", "n3"} {
		c.Restart(name)
	}
	c.Eventually(20*time.Second, func() error {
		_, err := allOf(c).Streams().Info(t.Context(), "s0")
		return err
	})
	pending := uint64(0)
	for s := range streams {
		there := 0
		for info, err := range allOf(c).Consumers().Groups(t.Context(), fmt.Sprint("s", s)) {
			if err != nil {
				t.Fatal(err)
			}
			there, pending = there+1, pending+info.Pending
			if info.Lag+info.Pending != events {
				t.Errorf("%s of %s: lag %d and %d pending, of %d", info.Name, info.Stream, info.Lag, info.Pending, events)
			}
		}
		if there != groups {
			t.Errorf("s%d has %d consumer groups, want %d", s, there, groups)
		}
	}
	want := 0
	for _, h := range had {
		want += len(h)
	}
	if pending != uint64(want) || want < groups*streams {
		t.Errorf("%d events are pending, %d were in hand", pending, want)
	}

	each(func(ctx context.Context, consumers eventnode.Consumers, g int) error {
		n := 0
		k := consumers.Consumer(names[g])
		k.DisableLoop()
		_, err := k.Consume(ctx, streams*events, func(_ context.Context, batch []*eventnode.StreamDelivery) error {
			for _, d := range batch {
				n++
				if id := fmt.Sprint(d.Stream(), d.Number()); d.Deliveries() != had[g][id]+1 {
					t.Errorf("%s: %s is delivered for the %d. time, and was %d times", names[g], id, d.Deliveries(), had[g][id])
				}
			}
			return nil
		})
		if n != streams*events {
			t.Errorf("%s was handed %d events, want %d", names[g], n, streams*events)
		}
		return err
	})
}
