package node

import (
	"context"
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk"
)

// Streams returns the durable streams of a namespace ("" is the default one). Each
// value is a producer with an order of its own: make one and keep it. It ends with
// the node. Before Ready it waits.
//
// A node without storage has streams, too: it forwards to those that have some.
func (n *Node) Streams(ctx context.Context, namespace string) (eventnode.Streams, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	return p.tracer.Streams(streamsdk.New(p.streamsConfig(namespace))), nil
}

// Consumers returns the consumers of a namespace. They end with the node. Before Ready
// it waits.
func (n *Node) Consumers(ctx context.Context, namespace string) (eventnode.Consumers, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	return p.tracer.Consumers(streamsdk.NewConsumers(p.streamsConfig(namespace))), nil
}

// Locks returns the locks of a namespace. Before Ready it waits.
func (n *Node) Locks(ctx context.Context, namespace string) (eventnode.Locks, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	return streamsdk.NewLocks(p.streamsConfig(namespace)), nil
}

func (p *parts) streamsConfig(namespace string) streamsdk.Config {
	backend := streamsdk.Local(p.storage.service)
	return streamsdk.Config{
		Backend: backend, Consumers: backend, Context: p.callers.ctx, Start: p.callers.start,
		Namespace: namespace, Logger: p.cfg.Logger,
	}
}

// callers are goroutines that work for those who embed the node.
type callers struct {
	ctx  context.Context //nolint:containedctx // the node's life, as far as callers are concerned
	stop context.CancelCauseFunc
	mu   sync.Mutex // orders start and run's end
	wg   sync.WaitGroup
}

func newCallers() *callers {
	ctx, stop := context.WithCancelCause(context.Background())
	return &callers{ctx: ctx, stop: stop}
}

// start runs f in a goroutine that run waits for.
func (c *callers) start(f func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	c.wg.Go(f)
	return nil
}

// run waits for the node's end, ends them and waits for them.
func (c *callers) run(ctx context.Context) error {
	<-ctx.Done()
	c.mu.Lock()
	c.stop(fmt.Errorf("node: %w", eventnode.ErrClosed))
	c.mu.Unlock()
	c.wg.Wait()
	return nil
}
