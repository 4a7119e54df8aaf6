package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// reaches checks that an event dispatched on each running node arrives on each.
// Each receiver has a topic of its own: an event for the one before may still be
// under way.
func reaches(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	for _, to := range c.Running() {
		topic := "topic:reaches." + event.New("x", nil).ID.String()
		sub, err := to.Live().Subscribe(t.Context(), []string{topic})
		if err != nil {
			t.Fatalf("%s: %v", to.Name(), err)
		}
		if len(sub.Missing()) != 0 {
			t.Fatalf("%s: its interest is not known on %v", to.Name(), sub.Missing())
		}
		for _, from := range c.Running() {
			ev := event.New("reached", []byte(from.Name()))
			if _, err := from.Live().Dispatch(t.Context(), topic, ev); err != nil {
				t.Fatalf("%s: %v", from.Name(), err)
			}
			if d, err := sub.Receive(t.Context()); err != nil || d.Event.ID != ev.ID {
				t.Fatalf("%s to %s: %+v, %v", from.Name(), to.Name(), d, err)
			}
		}
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Nodes that seed each other form one cluster in whatever order they start, one
// of them a minute late.
func TestEveryStartOrderFormsOneCluster(t *testing.T) {
	for _, order := range [][]string{
		{"n1", "n2", "n3"}, {"n1", "n3", "n2"}, {"n2", "n1", "n3"},
		{"n2", "n3", "n1"}, {"n3", "n1", "n2"}, {"n3", "n2", "n1"},
	} {
		t.Run(strings.Join(order, ""), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := cluster.Start(t, cluster.Config{Late: order})
				c.Restart(order[0])
				c.Restart(order[1])
				time.Sleep(time.Minute)
				c.Restart(order[2])
				c.Eventually(5*time.Second, c.Linked)
				reaches(t, c)
			})
		})
	}
}

// A split of two minutes: both sides serve their own, and five seconds after it
// is healed there is one cluster again, by itself.
func TestSplitsHealByThemselves(t *testing.T) {
	for name, sides := range map[string][][]string{
		"two ways":   {{"n1", "n2"}, {"n3", "n4"}},
		"three ways": {{"n1", "n2"}, {"n3"}, {"n4"}},
		"four ways":  {{"n1"}, {"n2"}, {"n3"}, {"n4"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := cluster.Start(t, cluster.Config{Nodes: 4})
				c.Partition(sides...)
				time.Sleep(2 * time.Minute)
				for _, side := range sides {
					sees(t, c, side)
				}
				c.Heal()
				c.Eventually(5*time.Second, c.Linked)
				reaches(t, c)
			})
		})
	}
}

// sees checks that the nodes of a side hold each other, and nobody else, alive.
func sees(t *testing.T, c *cluster.Cluster, side []string) {
	t.Helper()
	for _, name := range side {
		infos, err := c.Node(name).Cluster().Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var alive []string
		for _, i := range infos {
			if i.State == "alive" {
				alive = append(alive, string(i.ID))
			}
		}
		if len(alive) != len(side) {
			t.Errorf("%s on the side %v sees %v alive", name, side, alive)
		}
	}
}

// A node that comes back after a kill, under the same name, is a new node at
// once.
func TestRestartIsKnownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster.Start(t, cluster.Config{})
		for round := range 3 {
			before := epochs(t, c)
			c.Kill("n2")
			c.Restart("n2")
			c.Eventually(2*time.Second, c.Linked)
			if after := epochs(t, c); after["n2"] <= before["n2"] || after["n1"] != before["n1"] {
				t.Errorf("round %d: epochs %v, then %v", round, before, after)
			}
			reaches(t, c)
		}
	})
}

func epochs(t *testing.T, c *cluster.Cluster) map[string]uint64 {
	t.Helper()
	infos, err := c.Node("n1").Cluster().Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]uint64{}
	for _, i := range infos {
		if i.State == "alive" {
			found[string(i.ID)] = i.Epoch
		}
	}
	return found
}

// A stop is announced: the others know at once, and nobody's events are lost to
// a gap.
func TestStopIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster.Start(t, cluster.Config{})
		scope := c.Node("n2").Live().Scope("")
		m, err := c.Node("n2").Live().NewMember(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := scope.Join(t.Context(), "g", members(m)); err != nil {
			t.Fatal(err)
		}
		c.Eventually(time.Second, func() error { return hasMembers(t, c.Node("n1"), "g", 1) })
		c.Stop("n2")
		c.Eventually(time.Second, func() error { return hasMembers(t, c.Node("n1"), "g", 0) })
		infos, err := c.Node("n1").Cluster().Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			if i.ID == "n2" && i.State != "left" {
				t.Errorf("n2 is %s", i.State)
			}
		}
	})
}

func hasMembers(t *testing.T, n *cluster.Node, group string, want int) error {
	t.Helper()
	found, err := n.Live().Scope("").Members(t.Context(), group)
	if err != nil {
		return err
	}
	if len(found) != want {
		return fmt.Errorf("%s sees %d members of %s, want %d", n.Name(), len(found), group, want)
	}
	return nil
}
