package table

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// look is reading a group of 1,000 members under churn, on node 1.
type look struct{}

// local is how many of the 1,000 members are on each node.
func local() []int { return []int{334, 333, 333} }

func (l look) runner(start system) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
		d := 2 * time.Second
		if env.Short {
			d = 100 * time.Millisecond
		}
		return run(ctx, env, start, 3, func(ctx context.Context, _ cluster, ns []*proc.Process) (map[string]float64, error) {
			return l.measure(ctx, ns, d)
		})
	}
}

func (l look) measure(ctx context.Context, ns []*proc.Process, d time.Duration) (map[string]float64, error) {
	for i, n := range ns {
		if err := order(ctx, n, "members %d", local()[i]); err != nil {
			return nil, err
		}
		if err := order(ctx, n, "part %d", local()[i]); err != nil {
			return nil, err
		}
	}
	if err := order(ctx, ns[0], "await group-0 1000"); err != nil {
		return nil, err
	}
	all, err := l.look(ctx, ns[0], "all", d, 1000)
	if err != nil {
		return nil, err
	}
	here, err := l.look(ctx, ns[0], "local", d, local()[0])
	if err != nil {
		return nil, err
	}
	return map[string]float64{
		lookups.Name:      rate(all.Looks, all.NS),
		localLookups.Name: rate(here.Looks, here.NS),
		changes.Name:      rate(2*(all.Churned+here.Churned), all.NS+here.NS),
	}, nil
}

func (look) look(ctx context.Context, n *proc.Process, what string, d time.Duration, want int) (looked, error) {
	r, err := ask[looked](ctx, n, "look %s %d", what, d.Milliseconds())
	if err == nil && r.Members != want {
		err = fmt.Errorf("look %s: %d members after the churn, not %d", what, r.Members, want)
	}
	return r, err
}

func rate(n, ns int64) float64 { return float64(n) / time.Duration(ns).Seconds() }
