package table

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/quantile"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// single is joins on node 1, one at a time, each until a monitor on node 2 has
// reported it.
type single struct{ n int }

// warmUp joins do not count.
const warmUp = 200

func (s single) runner(start system) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
		if env.Short {
			s.n /= 10
		}
		return run(ctx, env, start, 3, s.measure)
	}
}

func (s single) measure(ctx context.Context, _ cluster, ns []*proc.Process) (map[string]float64, error) {
	if err := order(ctx, ns[0], "members 1"); err != nil {
		return nil, err
	}
	if err := order(ctx, ns[1], "report"); err != nil {
		return nil, err
	}
	seen := make([]int64, warmUp+s.n)
	for i := range seen {
		if err := ns[0].Send(fmt.Sprintf("single %d", i)); err != nil {
			return nil, err
		}
		var m moment
		if err := ns[1].Receive(ctx, &m); err != nil {
			return nil, fmt.Errorf("see a join: %w", err)
		}
		seen[i] = m.NS
	}
	begun, err := ask[moments](ctx, ns[0], "begun")
	if err != nil {
		return nil, err
	}
	if len(begun.NS) != len(seen) {
		return nil, fmt.Errorf("%d joins, %d reports", len(begun.NS), len(seen))
	}
	for i, at := range begun.NS {
		seen[i] -= at
	}
	took := seen[warmUp:]
	return map[string]float64{p50.Name: quantile.Micros(took, 0.5), p99.Name: quantile.Micros(took, 0.99)}, nil
}
