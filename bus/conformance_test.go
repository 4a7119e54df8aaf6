package bus_test

import (
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/bus/bustest"
)

// The transports do the same, each with its guarantee (rows A5, A12; the queue of the
// source turned events around, W2, and one that was malformed ended its consumer, W3).
func TestA12_Conformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		bustest.Run(t, func(*testing.T) bus.Transport { return bus.NewMemory() })
	})
	w := newWorld(t)
	t.Run("topic of a client", func(t *testing.T) {
		bustest.Run(t, func(*testing.T) bus.Transport { return w.topic(w.client) })
	})
	t.Run("topic of a node", func(t *testing.T) {
		bustest.Run(t, func(*testing.T) bus.Transport { return w.topic(w.node) })
	})
	for _, keyed := range []bool{false, true} {
		name, group := "", eventnode.ConsumerGroupConfig{Keyed: keyed}
		if keyed {
			name = ", keyed"
		}
		t.Run("stream of a client"+name, func(t *testing.T) {
			bustest.Run(t, func(t *testing.T) bus.Transport {
				streams, consumers := w.ofClient()
				return w.stream(t, streams, consumers, group)
			})
		})
		t.Run("stream of a node"+name, func(t *testing.T) {
			bustest.Run(t, func(t *testing.T) bus.Transport {
				streams, consumers := w.ofNode(t)
				return w.stream(t, streams, consumers, group)
			})
		})
	}
}
