package cluster_test

import (
	"log/slog"
	"testing"

	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/test/cluster"
)

// All three nodes are restarted in turn while clients publish: no publish fails, what
// was acked is there once, and three replicas vote as before.
func TestRestartingInTurnFailsNoPublish(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Args: storageArgs()})
	l := load(t, c, 4)
	for _, name := range []string{"n1", "n2", "n3"} {
		upToDate(t, c, name, nil)
		c.Stop(name)
		c.Restart(name)
		upToDate(t, c, name, nil)
	}
	l.check()
	for _, name := range []string{"n1", "n2", "n3"} {
		c.Stop(name)
		if got := votersOf(t, c, name); got != 3 {
			t.Errorf("%s knows %d voters", name, got)
		}
	}
}

// votersOf is how many replicas vote, as a node that has ended knows.
func votersOf(t *testing.T, c *cluster.Cluster, name string) int {
	t.Helper()
	copied, err := node.InspectData(c.Node(name).DataDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return len(copied.Voters) + 1
}
