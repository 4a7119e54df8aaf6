package server

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// awaitRoutes waits until what is published on any node reaches every node.
func awaitRoutes(ctx context.Context, addrs []string) error {
	var conns []*nats.Conn
	for _, addr := range addrs {
		nc, err := nats.Connect("nats://"+addr, nats.RetryOnFailedConnect(true), nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1))
		if err != nil {
			return fmt.Errorf("nats at %s: %w", addr, err)
		}
		defer nc.Close()
		conns = append(conns, nc)
	}
	for i, to := range conns {
		sub, err := to.SubscribeSync("probe")
		if err != nil {
			return err
		}
		for j, from := range conns {
			if err := awaitProbe(ctx, from, sub); err != nil {
				return fmt.Errorf("route from node %d to %d: %w", j+1, i+1, err)
			}
		}
		if err := sub.Unsubscribe(); err != nil {
			return err
		}
	}
	return nil
}

// awaitProbe publishes until something arrives.
func awaitProbe(ctx context.Context, from *nats.Conn, sub *nats.Subscription) error {
	for {
		if err := from.Publish("probe", nil); err != nil {
			return err
		}
		if _, err := sub.NextMsg(50 * time.Millisecond); err == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
