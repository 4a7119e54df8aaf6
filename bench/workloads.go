package main

import (
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/durable"
	"github.com/eventnode/eventnode/bench/internal/edge"
	"github.com/eventnode/eventnode/bench/internal/intake"
	"github.com/eventnode/eventnode/bench/internal/live"
	"github.com/eventnode/eventnode/bench/internal/pg"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/bench/internal/table"
	"github.com/eventnode/eventnode/bench/internal/txoutbox"
)

// missing says why others than ours and NATS cannot run; what is empty can.
type missing struct{ pg, redis, postgres string }

// workloads are all that is measured.
func workloads(m missing) []suite.Workload {
	list := live.Workloads()
	for i := range list {
		w := &list[i]
		run, factor := pgRunner(w.ID)
		if run == nil {
			continue
		}
		w.Runners = append(w.Runners, suite.NamedRunner{System: suite.PG, Run: run, Unavailable: m.pg})
		if factor > 0 {
			w.Targets = append(w.Targets, suite.Target{Metric: live.Deliveries.Name, System: suite.PG, Ratio: factor})
		}
	}
	list = append(list, table.Workloads(m.pg)...)
	list = append(list, durable.Workloads(m.redis)...)
	list = append(list, txoutbox.Workloads(m.postgres)...)
	list = append(list, edge.Workloads()...)
	return append(list, intake.Workloads()...)
}

// pgRunner is how Erlang's pg runs a workload of package live, and the factor
// over it that is promised; nil if it has no such thing.
func pgRunner(id string) (suite.Runner, float64) {
	const size = 128
	var n int
	switch {
	case id == "latency/idle":
		return pg.Latency(), 0
	case id == fmt.Sprintf("one-to-one/%d", size):
		return pg.OneToOne(size), 0
	}
	if _, err := fmt.Sscanf(id, "fan-out/%d", &n); err == nil {
		const overPG = 7
		return pg.FanOut(n, size), overPG
	}
	return nil, 0
}
