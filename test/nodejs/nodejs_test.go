package nodejs_test

import (
	"strings"
	"testing"

	"github.com/eventnode/eventnode/test/cluster"
	"github.com/eventnode/eventnode/test/npm"
)

// One cluster for all: its nodes are processes.
func TestNodeJS(t *testing.T) {
	npm.Install(t)
	npm.ReadSources(t, "*.js", "../../proto/eventnode/v1/*.proto")
	c := cluster.Start(t, cluster.Config{Nodes: 2, Processes: true})
	a, b := c.Node("n1").RPCAddress(), c.Node("n2").RPCAddress()

	// The program that docs/protocol.md shows does what it says there.
	t.Run("example", func(t *testing.T) {
		out, err := npm.Command(t, "example.js", b, a).CombinedOutput()
		if want := `topic:orders order_placed {"id":1}`; err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%v: %q, want %q", err, out, want)
		}
	})

	// What docs/protocol.md says of each service holds for a client that is not
	// ours: order, numbers, gaps, refusals, errors, groups.
	t.Run("protocol", func(t *testing.T) {
		suite := npm.Command(t, "--test", "protocol.test.js")
		suite.Env = append(suite.Env, "EVENTNODE_A="+a, "EVENTNODE_B="+b)
		if out, err := suite.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
	})

	// Go to Node.js and back, each at its own node, both ways.
	t.Run("peer", func(t *testing.T) { converse(t, c.Node("n1"), c.Node("n2")) })
	t.Run("peer at the same node", func(t *testing.T) { converse(t, c.Node("n1"), c.Node("n1")) })
}
