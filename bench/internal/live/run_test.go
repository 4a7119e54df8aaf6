package live

import (
	"testing"

	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Subscribers are spread evenly over their nodes, and each knows whose events it
// gets.
func TestGroups(t *testing.T) {
	c := &server.Cluster{Addrs: []string{"n1", "n2", "n3"}}
	for _, tt := range []struct {
		shape shape
		want  []int // subscriptions of each node
		conns int
	}{
		{shape{publishers: 1, topics: 1, subscribers: 1, nodes: linked()}, []int{1}, 1},
		{shape{publishers: 1, topics: 1, subscribers: 10, nodes: twoNodes()}, []int{5, 5}, 5},
		{shape{publishers: 1, topics: 1, subscribers: 1000, nodes: twoNodes()}, []int{500, 500}, maxConns},
		{shape{publishers: 8, topics: 1, subscribers: 1, nodes: twoNodes()}, []int{4, 4}, 4},
		{shape{publishers: 1, topics: 10_000, subscribers: 1, nodes: twoNodes()}, []int{5000, 5000}, maxConns},
	} {
		groups := pass{system: suite.Eventnode, shape: tt.shape}.groups(c)
		if len(groups) != len(tt.want) {
			t.Fatalf("%+v: %d processes", tt.shape, len(groups))
		}
		subscribers := make(map[string]int)
		for i, g := range groups {
			if len(g.cfg.Topics) != tt.want[i] || g.cfg.Conns != tt.conns || g.cfg.Addr != c.Addrs[tt.shape.nodes[i]] {
				t.Errorf("%+v: process %d has %d topics, %d connections, %s", tt.shape, i, len(g.cfg.Topics), g.cfg.Conns, g.cfg.Addr)
			}
			for k, name := range g.cfg.Topics {
				subscribers[name]++
				if name != topic(g.of[k][0], g.of[k][1]) {
					t.Fatalf("%s is said to be of %v", name, g.of[k])
				}
			}
		}
		if len(subscribers) != tt.shape.publishers*tt.shape.topics {
			t.Errorf("%+v: %d topics have subscribers", tt.shape, len(subscribers))
		}
		for name, n := range subscribers {
			if n != tt.shape.subscribers {
				t.Errorf("%+v: %s has %d subscribers", tt.shape, name, n)
			}
		}
	}
}
