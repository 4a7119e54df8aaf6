package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// What a test does with durable streams: Config.Storage.

// Streams returns the streams of the default namespace: the node's own if it runs
// in this process, else a client's that is connected to this node alone. Each value
// is a producer of its own.
func (n *Node) Streams() eventnode.Streams {
	n.c.t.Helper()
	switch b := n.both().(type) {
	case *client.Client:
		return b.Streams()
	case *node.Node:
		ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
		defer cancel()
		streams, err := b.Streams(ctx, "")
		if err != nil {
			n.c.t.Fatalf("streams of %s: %v", n.name, err)
		}
		return streams
	}
	n.c.t.Fatalf("%s has no streams", n.name)
	return nil
}

// leaderTimeout bounds the search for a leader.
const leaderTimeout = 30 * time.Second

// Leader waits until a stream's partition has a leader that answers, and returns
// its node. At the next moment it may be another one.
func (c *Cluster) Leader(stream string) *Node {
	c.t.Helper()
	var leader *Node
	c.Eventually(leaderTimeout, func() error {
		var errs []error
		for _, n := range c.Running() {
			id, err := n.leads(stream)
			if err == nil {
				leader = c.Node(id)
				return nil
			}
			errs = append(errs, fmt.Errorf("%s: %w", n.name, err))
		}
		return errors.Join(errs...)
	})
	return leader
}

// leads asks one node who leads.
func (n *Node) leads(stream string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := n.tryBoth(); err != nil {
		return "", err // it may just have ended
	}
	info, err := n.Streams().Info(ctx, stream)
	return string(info.Leader), err
}

// Followers are the running nodes other than a stream's leader.
func (c *Cluster) Followers(stream string) []*Node {
	c.t.Helper()
	leader := c.Leader(stream)
	var rest []*Node
	for _, n := range c.Running() {
		if n != leader {
			rest = append(rest, n)
		}
	}
	return rest
}

// Declare makes a stream as soon as there is somebody to make it.
func (c *Cluster) Declare(stream string, cfg eventnode.StreamConfig) {
	c.t.Helper()
	c.Eventually(leaderTimeout, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, err := c.Running()[0].Streams().Declare(ctx, stream, cfg)
		return err
	})
}
