package edge

import (
	"context"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// resumeRun measures how long all sessions of node 1 take to resume there, and on node 2.
func resumeRun(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
	return in(ctx, env, func(ctx context.Context, w *world) (out suite.Outcome, err error) {
		n := fanSessions
		if env.Short {
			n = 200
		}
		if err := w.cluster(ctx, 2, n, n); err != nil {
			return out, err
		}
		c, err := w.clients(ctx, clientsConfig{}, openOrder{w.ready[0].Gateway, 0, n})
		if err != nil {
			return out, err
		}
		out.Values = map[string]float64{}
		for i, m := range []suite.Metric{sameNode, otherNode} {
			err := w.profile(ctx, m.Name, func() error {
				took, err := w.storm(ctx, c, w.ready[i].Gateway, n)
				out.Values[m.Name] = took.Seconds()
				return err
			})
			if err != nil {
				return out, err
			}
		}
		return out, nil
	})
}

// storm cuts all clients off, sends an event that they miss, and has all resume.
func (w *world) storm(ctx context.Context, c *proc.Process, address string, n int) (time.Duration, error) {
	if err := pause(ctx, between); err != nil {
		return 0, err
	}
	if _, err := ask[span](ctx, c, clientsOrder{Cut: true}); err != nil {
		return 0, err
	}
	if err := w.dispatch(ctx, n); err != nil {
		return 0, err
	}
	s, err := ask[span](ctx, c, clientsOrder{Resume: &resumeOrder{address, 1}})
	return time.Duration(s.LastNS - s.BeginNS), err
}
