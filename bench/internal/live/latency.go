package live

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/load"
	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of a latency.
var (
	p50  = suite.Metric{Name: "p50_us", Title: "p50", Unit: "µs"}
	p99  = suite.Metric{Name: "p99_us", Title: "p99", Unit: "µs"}
	p999 = suite.Metric{Name: "p999_us", Title: "p99.9", Unit: "µs"}
)

func latencyMetrics() []suite.Metric { return []suite.Metric{p50, p99, p999} }

func latencyValues(l load.Latency) map[string]float64 {
	return map[string]float64{p50.Name: l.P50, p99.Name: l.P99, p999.Name: l.P999}
}

// ping measures one event at a time from a client of node 1 to one of node 2,
// in one process.
func ping(system suite.System) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		c, err := server.Start(ctx, env, system)
		if err != nil {
			return out, fmt.Errorf("start %s: %w", system, err)
		}
		defer c.Stop()
		cfg := load.PingerConfig{System: system, From: c.Addrs[0], To: c.Addrs[1], Size: 128, Count: 20_000}
		if env.Short {
			cfg.Count = 500
		}
		p, err := role(ctx, env, "pinger", "pinger", cfg)
		if err != nil {
			return out, err
		}
		defer proc.StopAll(p)
		if err := p.Receive(ctx, &load.Ready{}); err != nil {
			return out, err
		}
		if err := rest(ctx, settled); err != nil {
			return out, err
		}
		var l load.Latency
		if err := p.Ask(ctx, load.Order{Go: true}, &l); err != nil {
			return out, err
		}
		return suite.Outcome{Values: latencyValues(l)}, nil
	}
}

// under measures latency while events come at a rate: a share of what peak says
// that a system does.
func under(system suite.System, s shape, share float64, peak *pacer, what string) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		top, err := peak.peak(ctx, env, s)
		if err != nil {
			return out, fmt.Errorf("peak: %w", err)
		}
		p := pass{system: system, shape: s, seconds: seconds(env), rate: share * top, latency: true}
		f, err := p.run(ctx, env)
		if err != nil {
			return out, err
		}
		if err := f.check(); err != nil {
			return out, err
		}
		return suite.Outcome{Values: latencyValues(f.latency), Note: fmt.Sprintf("at %.0f events/s, %s", p.rate, what)}, nil
	}
}
