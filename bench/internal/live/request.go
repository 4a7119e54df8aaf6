package live

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/load"
	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// requestRate is how many requests are answered.
var requestRate = suite.Metric{Name: "requests_s", Title: "requests/s", Unit: "/s", Higher: true}

// profiled is for how many seconds nodes are profiled, if they are.
const profiled = 3

// asking are requests from a client of node 1 that one of node 2 replies to.
func asking() (list []suite.Workload) {
	for _, atOnce := range []int{1, 64} {
		w := suite.Workload{ID: fmt.Sprintf("request/%d", atOnce), Section: requests, Metrics: append([]suite.Metric{requestRate}, latencyMetrics()...),
			Title: fmt.Sprintf("%d at a time, from a client of node 1, answered by one of node 2, 128 bytes both ways", atOnce)}
		for _, system := range systems() {
			w.Runners = append(w.Runners, suite.NamedRunner{System: system, Run: request(system, atOnce)})
		}
		list = append(list, w)
	}
	return list
}

// request measures requests, both ends in one process.
func request(system suite.System, atOnce int) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
		c, err := server.Start(ctx, env, system)
		if err != nil {
			return out, fmt.Errorf("start %s: %w", system, err)
		}
		defer c.Stop()
		cfg := load.RequesterConfig{System: system, From: c.Addrs[0], To: c.Addrs[1], Size: 128, AtOnce: atOnce, Count: 20_000}
		if atOnce > 1 {
			cfg.Count = 100_000
		}
		if env.Short {
			cfg.Count = 500
		}
		p, err := role(ctx, env, "requester", "requester", cfg)
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
		var r load.Requested
		profiles := c.Profile(ctx, env, profiled)
		if err := p.Ask(ctx, load.Order{Go: true}, &r); err != nil {
			return out, err
		}
		if err := profiles(); err != nil {
			return out, err
		}
		values := latencyValues(r.Latency)
		values[requestRate.Name] = r.Rate
		return suite.Outcome{Values: values}, nil
	}
}
