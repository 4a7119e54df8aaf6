package pg

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/quantile"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// latencySize is the size of an event, in bytes.
const latencySize = 128

// Latency returns a run in which a process on node 1 sends one event of 128
// bytes at a time to a member on node 2, the next one when the member has said
// that it has the former. The times are one way.
func Latency() suite.Runner { return latency }

func latency(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	c, err := Start(ctx, env)
	if err != nil {
		return suite.Outcome{}, err
	}
	defer c.Stop()
	if err := c.add(ctx, 3); err != nil {
		return suite.Outcome{}, err
	}
	ns, err := ping(ctx, c, samples(env))
	if err != nil {
		return suite.Outcome{}, fmt.Errorf("one at a time: %w", err)
	}
	return suite.Outcome{Values: map[string]float64{
		"p50_us":  quantile.Micros(ns, 0.5),
		"p99_us":  quantile.Micros(ns, 0.99),
		"p999_us": quantile.Micros(ns, 0.999),
	}}, nil
}

func samples(env *suite.Env) int {
	if env.Short {
		return 1000
	}
	return 20_000
}

// ping returns one-way times in nanoseconds.
func ping(ctx context.Context, c *Cluster, n int) ([]int64, error) {
	from, to := c.nodes[0], c.nodes[1]
	if err := to.Ask(ctx, fmt.Sprintf("echo latency %d", latencySize), nil); err != nil {
		return nil, err
	}
	if err := from.Ask(ctx, "await latency 1", nil); err != nil {
		return nil, err
	}
	if err := from.Ask(ctx, fmt.Sprintf("ping latency %d %d", n, latencySize), nil); err != nil {
		return nil, err
	}
	var took struct{ NS []int64 }
	if err := to.Ask(ctx, "pinged", &took); err != nil {
		return nil, err
	}
	if len(took.NS) != n {
		return nil, fmt.Errorf("%d times of %d events", len(took.NS), n)
	}
	return took.NS, nil
}
