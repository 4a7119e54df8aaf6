package cluster_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// A node that is ready knows who subscribes: what it dispatches at once arrives.
func TestReadyMeansInterestIsKnown(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := cluster.Start(t, cluster.Config{Seed: seed + 1, Late: []string{"n3"}})
				c.Delay("n1", "n3", 0, 200*time.Millisecond)
				c.Delay("n3", "n1", 0, 200*time.Millisecond)
				sub, err := c.Node("n1").Live().Subscribe(t.Context(), []string{"topic:x"})
				if err != nil {
					t.Fatal(err)
				}
				c.Restart("n3")
				want := event.New("early", nil)
				if _, err := c.Node("n3").Live().Dispatch(t.Context(), "topic:x", want); err != nil {
					t.Fatal(err)
				}
				late := time.AfterFunc(5*time.Second, func() { _ = sub.Close() })
				defer late.Stop()
				if d, err := sub.Receive(t.Context()); err != nil || d.Event.ID != want.ID {
					t.Errorf("got %+v, %v", d, err)
				}
			})
		})
	}
}
