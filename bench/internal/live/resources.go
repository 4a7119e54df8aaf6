package live

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/bench/internal/load"
	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of what a cluster takes without any event.
var (
	idleCPU      = suite.Metric{Name: "idle_cpu_percent", Title: "CPU of a node, of one core", Unit: "%"}
	resident     = suite.Metric{Name: "resident_bytes", Title: "resident memory of a node at rest", Unit: "B"}
	subscription = suite.Metric{Name: "resident_bytes_per_10000_subscriptions", Title: "more on a node for 10,000 subscriptions to as many topics", Unit: "B"}
)

// idle measures three nodes that have nothing to do, then 10,000 subscriptions
// on node 2.
func idle(system suite.System) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		c, err := server.Start(ctx, env, system)
		if err != nil {
			return out, fmt.Errorf("start %s: %w", system, err)
		}
		defer c.Stop()
		watch, topics := 10*time.Second, 10_000
		if env.Short {
			watch, topics = time.Second, 100
		}
		if err := rest(ctx, time.Second); err != nil {
			return out, err
		}
		before, _, err := usage(nil, c)
		if err != nil {
			return out, err
		}
		if err := rest(ctx, watch); err != nil {
			return out, err
		}
		after, _, err := usage(nil, c)
		if err != nil {
			return out, err
		}
		empty, err := c.Procs[1].RSS()
		if err != nil {
			return out, err
		}
		full, err := subscribed(ctx, env, c, system, topics)
		if err != nil {
			return out, err
		}
		return suite.Outcome{Values: map[string]float64{
			idleCPU.Name:      100 * (after - before).Seconds() / watch.Seconds() / float64(len(c.Procs)),
			resident.Name:     float64(empty),
			subscription.Name: float64(full-empty) * 10_000 / float64(topics),
		}}, nil
	}
}

// subscribed is the resident memory of node 2 with that many subscriptions.
func subscribed(ctx context.Context, env *suite.Env, c *server.Cluster, system suite.System, topics int) (int64, error) {
	cfg := load.SubscriberConfig{System: system, Addr: c.Addrs[1], Conns: maxConns}
	for i := range topics {
		cfg.Topics = append(cfg.Topics, topic(0, i))
	}
	p, err := role(ctx, env, "subscriber", "subscriber", cfg)
	if err != nil {
		return 0, err
	}
	defer proc.StopAll(p)
	if err := p.Receive(ctx, &load.Ready{}); err != nil {
		return 0, err
	}
	if err := rest(ctx, 3*time.Second); err != nil {
		return 0, err
	}
	return c.Procs[1].RSS()
}
