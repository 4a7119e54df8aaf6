package cluster_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/test/cluster"
)

// A receipt counts the subscriptions that an event reached, node by node; with
// several topics each subscription counts, and gets the event, once.
func TestReceiptsOverThreeNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster.Start(t, cluster.Config{})
		on := map[string]int{"n1": 1, "n2": 2, "n3": 3}
		var tallies []*tally
		for name, count := range on {
			for range count {
				tallies = append(tallies, ofBoth(t, c.Node(name)))
			}
		}
		for _, topics := range [][]string{{"topic:a"}, {"topic:a", "topic:b"}, {"topic:b", "topic:nobody"}} {
			for _, from := range []eventnode.Live{c.Node("n2").Live(), c.Node("n2").Client()} {
				n := tallies[0].now().got + 1
				receipt, err := from.DispatchMany(t.Context(), topics, counted(n, 0), eventnode.WithReceipt(0))
				if err != nil {
					t.Fatal(err)
				}
				if receipt.Reached != 6 || len(receipt.Nodes) != 3 {
					t.Errorf("%v: %+v", topics, receipt)
				}
				for _, r := range receipt.Nodes {
					if r.Err != nil || r.Reached != on[string(r.Node)] {
						t.Errorf("%v: %+v", topics, r)
					}
				}
				c.Eventually(time.Second, func() error { return atLeast(n, tallies...) })
			}
		}
		synctest.Wait()
		for _, y := range tallies {
			if s := y.now(); s.got != 6 || len(s.gaps) > 0 {
				t.Errorf("%s got %d events, gaps %v", y.name, s.got, s.gaps)
			}
		}
	})
}

// ofBoth subscribes to two topics on one node.
func ofBoth(t *testing.T, n *cluster.Node) *tally {
	t.Helper()
	sub, err := n.Live().Subscribe(t.Context(), []string{"topic:a", "topic:b"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	y := &tally{t: t, name: n.Name(), sub: sub}
	y.start(t.Context())
	return y
}

// A node that cannot be reached has an error in the receipt, within the time that
// the receipt may take; what the others took is counted all the same.
func TestReceiptTellsWhoCannotBeReached(t *testing.T) {
	breaks := map[string]func(c *cluster.Cluster){
		"cut off": func(c *cluster.Cluster) { c.Partition([]string{"n3"}) },
		"mute":    func(c *cluster.Cluster) { c.Cut("n3", "n1") },
		"paused":  func(c *cluster.Cluster) { c.Pause("n3") },
	}
	for name, breaks := range breaks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := cluster.Start(t, cluster.Config{})
				follow(t, "n2", c.Node("n2").Live(), "topic:a")
				follow(t, "n3", c.Node("n3").Live(), "topic:a")
				breaks(c)
				began := time.Now()
				receipt, err := c.Node("n1").Live().Dispatch(t.Context(), "topic:a", counted(1, 0), eventnode.WithReceipt(500*time.Millisecond))
				if took := time.Since(began); err != nil || took > time.Second {
					t.Fatalf("after %v: %v", took, err)
				}
				if receipt.Reached != 1 || len(receipt.Nodes) != 2 {
					t.Errorf("%+v", receipt)
				}
				for _, r := range receipt.Nodes {
					if (r.Err != nil) != (r.Node == "n3") {
						t.Errorf("%+v", r)
					}
				}
				c.Resume("n3")
				c.Heal()
			})
		})
	}
}
