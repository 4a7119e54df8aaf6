package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// publishAll publishes a body for each name.
func publishAll(t *testing.T, s eventnode.Streams, stream string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := s.Publish(t.Context(), stream, event.New(name, nil)); err != nil {
			t.Fatal(err)
		}
	}
}

// named is the names of events.
func named(events []*eventnode.StreamDelivery) (names []string) {
	for _, d := range events {
		names = append(names, d.Event().Name)
	}
	return names
}

// numbers is prefix1 to prefixn.
func numbers(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s%d", prefix, i+1))
	}
	return names
}

// A consumer of an embedded node, with storage or without, and one of a client do the
// same: batches of the size asked for, in order, acked, until there is nothing more.
func TestConsumersOfANode(t *testing.T) {
	n1 := start(t, node.Config{ID: "n1", DataDir: t.TempDir()})
	n2 := start(t, node.Config{ID: "n2", Seeds: []string{n1.GossipAddress()}})
	eventually(t, "founded", func() bool { return uuidOf(t, n1) != "" })
	streams := dial(t, n1).Streams()
	if _, err := streams.Declare(t.Context(), "a", eventnode.StreamConfig{Groups: []string{"g"}}); err != nil {
		t.Fatal(err)
	}
	embedded := func(n *node.Node) eventnode.Consumers {
		c, err := n.Consumers(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for where, consumers := range map[string]eventnode.Consumers{
		"n1": embedded(n1), "n2": embedded(n2), "client of n1": dial(t, n1).Consumers(), "client of n2": dial(t, n2).Consumers(),
	} {
		t.Run(where, func(t *testing.T) {
			publishAll(t, streams, "a", numbers("e", 10)...)
			c := consumers.Consumer("g")
			c.DisableLoop()
			var got [][]string
			ran, err := c.Consume(t.Context(), 4, func(_ context.Context, events []*eventnode.StreamDelivery) error {
				got = append(got, named(events))
				return nil
			})
			if !ran || err != nil || len(got) != 3 || len(got[0]) != 4 || !slices.Equal(slices.Concat(got...), numbers("e", 10)) {
				t.Errorf("%v, %v: %v", ran, err, got)
			}
			info, err := consumers.Group(t.Context(), "a", "g")
			if err != nil || info.Lag != 0 || info.Pending != 0 || info.ConsumerCount != 0 {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
}
