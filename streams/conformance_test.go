package streams

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/internal/streamsdk"
	"github.com/eventnode/eventnode/streams/streamstest"
)

// eachNode runs the tests at a node that leads and at one that forwards.
func eachNode(t *testing.T, test func(t *testing.T, c *testCluster, n *testNode)) {
	for i, name := range []string{"leader", "follower"} {
		t.Run(name, func(t *testing.T) {
			_, _, _, c := withFollower(t)
			test(t, c, c.nodes[i])
		})
	}
}

// In the node's own process streams do what every implementation must.
func TestConformanceInProcess(t *testing.T) {
	eachNode(t, func(t *testing.T, _ *testCluster, n *testNode) {
		streamstest.Run(t, func(t *testing.T, namespace string) eventnode.Streams {
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			t.Cleanup(func() {
				cancel()
				running.Wait()
			})
			return streamsdk.New(streamsdk.Config{
				Backend: streamsdk.Local(n.service), Namespace: namespace, Context: ctx,
				Start: func(f func()) error {
					running.Go(f)
					return nil
				},
			})
		})
	})
}

// And so they do through a client.
func TestConformanceThroughClient(t *testing.T) {
	eachNode(t, func(t *testing.T, cluster *testCluster, n *testNode) {
		c, err := client.Dial(t.Context(), []string{"n"}, client.WithDialer(func(ctx context.Context, address string) (net.Conn, error) {
			if address == "n" {
				return n.listener.DialContext(ctx)
			}
			for i, other := range cluster.nodes {
				if strings.TrimPrefix(address, "addr-") == string(nodeName(i)) {
					return other.listener.DialContext(ctx)
				}
			}
			return nil, errors.New("no such node")
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		streamstest.Run(t, func(_ *testing.T, namespace string) eventnode.Streams {
			return c.Streams(client.WithNamespace(namespace))
		})
	})
}
