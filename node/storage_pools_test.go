package node_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// votersAt are the nodes whose copies vote, sorted.
func votersAt(t *testing.T, c *client.Client) (names []string) {
	t.Helper()
	st, err := c.StorageStatus(t.Context())
	if err != nil {
		return nil
	}
	for _, r := range st.Replicas {
		if r.Role == "voter" && r.State == "running" {
			names = append(names, string(r.Node))
		}
	}
	slices.Sort(names)
	return names
}

// Copies move to the nodes that have what the pool asks for, the leader's too, and
// their number follows; what too few nodes have is said. The node that has no part
// any more still finds the leader.
func TestPoolPlacesCopies(t *testing.T) {
	t.Parallel()
	store := node.Storage{BootstrapExpect: 1, Replicas: 1}
	n1 := start(t, node.Config{ID: "n1", DataDir: t.TempDir(), Storage: store, Labels: map[string]string{"disk": "hdd"}})
	c := dial(t, n1)
	eventually(t, "n1 leads", func() bool { return slices.Equal(votersAt(t, c), []string{"n1"}) })
	pools := c.Streams()
	placed := eventnode.Pool{Name: eventnode.DefaultPool, Replicas: 1, Labels: map[string]string{"disk": "ssd"}}
	if err := pools.UpdatePool(t.Context(), placed); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it says that no node has what is asked for", func() bool {
		s, err := n1.Status(t.Context())
		return err == nil && strings.Contains(strings.Join(s.Notices, "\n"), `wants 1 replicas on nodes with disk=ssd, and 0 living nodes`)
	})
	join := node.Storage{Replicas: 1}
	seeds := []string{n1.GossipAddress()}
	start(t, node.Config{ID: "n2", DataDir: t.TempDir(), Storage: join, Seeds: seeds, Labels: map[string]string{"disk": "ssd"}})
	eventually(t, "the copy has moved", func() bool { return slices.Equal(votersAt(t, c), []string{"n2"}) })
	start(t, node.Config{ID: "n3", DataDir: t.TempDir(), Storage: join, Seeds: seeds, Labels: map[string]string{"disk": "ssd"}})
	placed.Replicas = 2
	if err := pools.UpdatePool(t.Context(), placed); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there are two", func() bool { return slices.Equal(votersAt(t, c), []string{"n2", "n3"}) })
	placed.Labels, placed.Replicas = nil, 1
	if err := pools.UpdatePool(t.Context(), placed); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is one", func() bool { return len(votersAt(t, c)) == 1 })
	infos, err := c.Nodes(t.Context())
	if err != nil || infos[0].ID != "n1" || infos[0].Labels["disk"] != "hdd" {
		t.Errorf("%+v, %v", infos, err)
	}
}
