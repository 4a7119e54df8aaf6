package table

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// joins is n joins on node 1, one by one, seen by monitors on nodes 2 and 3.
type joins struct {
	spread spread
	n      int
}

func (j joins) runner(start system) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
		if env.Short {
			j.n /= 100
		}
		return run(ctx, env, start, 3, j.measure)
	}
}

func (j joins) measure(ctx context.Context, _ cluster, ns []*proc.Process) (map[string]float64, error) {
	if err := order(ctx, ns[0], "members %d", j.spread.members(j.n)); err != nil {
		return nil, err
	}
	for _, n := range ns[1:] {
		if err := order(ctx, n, "watch %d", j.n); err != nil {
			return nil, err
		}
	}
	calls, err := ask[span](ctx, ns[0], "join %d %s", j.n, j.spread)
	if err != nil {
		return nil, err
	}
	last := calls.EndNS
	for _, n := range ns[1:] {
		var d done
		if err := n.Receive(ctx, &d); err != nil {
			return nil, fmt.Errorf("see all joins: %w", err)
		}
		last = max(last, d.DoneNS)
	}
	for _, n := range ns {
		if err := verify(ctx, n, j.spread.held(j.n)); err != nil {
			return nil, err
		}
	}
	return map[string]float64{
		visible.Name: time.Duration(last - calls.BeginNS).Seconds(),
		called.Name:  time.Duration(calls.EndNS - calls.BeginNS).Seconds(),
	}, nil
}
