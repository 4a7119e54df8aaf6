package client_test

import (
	"context"
	"os"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/streams/registry"
)

// storageNode is a client of a node with storage, for an example, and a registry of
// streams that was declared: see Example of package registry.
func storageNode() (ctx context.Context, c *client.Client, stop func()) {
	dir, err := os.MkdirTemp("", "eventnode")
	if err != nil {
		fatal(err)
	}
	n, err := node.New(node.Config{ID: "n1", DataDir: dir, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		fatal(err)
	}
	run, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(run) }()
	<-n.Ready()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	if c, err = client.Dial(ctx, []string{n.RPCAddress()}); err != nil {
		fatal(err)
	}
	if err := exampleRegistry().Declare(ctx, c.Streams(client.WithPatience(20*time.Second)), c.Consumers()); err != nil {
		fatal(err)
	}
	return ctx, c, func() {
		cancel()
		_ = c.Close()
		end()
		<-ended
		_ = os.RemoveAll(dir)
	}
}

// exampleRegistry has streams in two pools, and groups on one stream and on two.
func exampleRegistry() *registry.Registry {
	r := registry.New()
	r.Register("stream-a", "default", []string{"read-group-a", "read-group-ab"})
	r.Register("stream-b", "default", []string{"read-group-ab"})
	r.RegisterPool(eventnode.Pool{Name: "second"})
	r.Register("stream-c", "second", []string{"read-group-c"})
	r.Register("stream-page-views", "default", []string{"read-views"})
	return r
}

// testStructEvent is a body.
type testStructEvent struct {
	Color string
	Price float32
}

// publishTwo publishes an event to each of two streams, in one trip.
func publishTwo(ctx context.Context, c *client.Client) {
	flusher := c.Streams().NewFlusher()
	for stream, body := range map[string]string{"stream-a": "a", "stream-b": "b"} {
		if err := flusher.Publish(stream, body); err != nil {
			fatal(err)
		}
	}
	if _, err := flusher.Flush(ctx); err != nil {
		fatal(err)
	}
}

// publishBody publishes a body.
func publishBody(ctx context.Context, c *client.Client, stream string, body any, meta ...string) error {
	_, err := c.Streams().PublishBody(ctx, stream, body, meta...)
	return err
}
