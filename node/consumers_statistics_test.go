package node_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// storyStatistics: a stream without groups; one that was never read; many events; what is
// pending, since when.
func storyStatistics(t *testing.T, b *broker) {
	b.declare("none")
	for range b.consumers.Groups(t.Context(), "none") {
		t.Error("a group that nobody added")
	}
	if _, err := b.consumers.Group(t.Context(), "none", "g"); !errors.Is(err, eventnode.ErrConsumerGroupNotFound) {
		t.Error(err)
	}
	b.declare("a", "g", "h")
	b.publish("a", "e", 5000)
	if info := b.info("a", "g"); info.Lag != 5000 || info.Pending != 0 || info.LastDelivered != 0 || !info.LastDelivery.IsZero() {
		t.Errorf("never read: %+v", info)
	}
	b.consume("g", 1, 1000)
	if info := b.info("a", "g"); info.Lag != 0 || info.Pending != 0 || info.LastDelivered != 5000 || info.LastDelivery.IsZero() {
		t.Errorf("read: %+v", info)
	}
	b.panics("h", 1, 2, nil, eventnode.WithoutPrefetch())
	var groups []string
	for info, err := range b.consumers.Groups(t.Context(), "a") {
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, info.Name)
	}
	info := b.info("a", "h")
	if !slices.Equal(groups, []string{"g", "h"}) || info.Lag != 4998 || info.Pending != 2 || info.LowestPending != 1 || info.LowestPosition.IsZero() ||
		info.LowestDelivered.IsZero() || info.Now.Before(info.LowestDelivered) || info.ConsumerCount != 1 || info.Consumers[0].Pending != 2 || info.Consumers[0].Held {
		t.Errorf("groups %v, %+v", groups, info)
	}
}

// storyNamespaces: the same names in two namespaces are two.
func storyNamespaces(t *testing.T, one, two *broker) {
	for _, b := range []*broker{one, two} {
		b.declare("a", "g")
	}
	one.publish("a", "one", 2)
	if _, err := two.streams.Publish(t.Context(), "a", event.New("two", nil)); err != nil {
		t.Fatal(err)
	}
	one.want(one.consume("g", 1, 5), numbers("one", 2))
	two.want(two.consume("g", 1, 5), []string{"two"})
	for _, b := range []*broker{one, two} {
		if _, err := b.locks.Obtain(t.Context(), "l", time.Minute, 0); err != nil {
			t.Error(err)
		}
	}
}
