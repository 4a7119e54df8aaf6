package report

import (
	"github.com/eventnode/eventnode/bench/internal/suite"
)

var (
	rate    = suite.Metric{Name: "deliveries_per_second", Title: "Deliveries", Unit: "/s", Higher: true}
	cpu     = suite.Metric{Name: "cpu_seconds_per_million", Title: "CPU per million deliveries", Unit: "s"}
	p50     = suite.Metric{Name: "p50_us", Title: "Latency, median", Unit: "µs"}
	p99     = suite.Metric{Name: "p99_us", Title: "Latency, 99th percentile", Unit: "µs"}
	joins   = suite.Metric{Name: "visible_seconds", Title: "Until visible on both other nodes", Unit: "s"}
	perEach = suite.Metric{Name: "bytes_each", Title: "Memory per membership", Unit: "B"}
)

func runners(systems ...suite.System) []suite.NamedRunner {
	var out []suite.NamedRunner
	for _, s := range systems {
		out = append(out, suite.NamedRunner{System: s})
	}
	return out
}

// fixtureWorkloads have a full section (4 systems by 6 workloads), one with two
// metrics to plot, and one that nobody measured.
func fixtureWorkloads() []suite.Workload {
	all := runners(suite.Eventnode, suite.NATS, suite.PG, suite.Relay)
	const fan, late, groups = "Fan-out over three nodes", "Latency, one at a time", "Group table"
	nats := func(ratio float64) []suite.Target {
		return []suite.Target{{Metric: rate.Name, System: suite.NATS, Ratio: ratio}}
	}
	out := []suite.Workload{
		{ID: "one/16", Section: fan, Title: "1 publisher to 1 subscriber on another node, 16 B", Targets: nats(5)},
		{ID: "one/128", Section: fan, Title: "1 publisher to 1 subscriber on another node, 128 B", Targets: append(nats(3),
			suite.Target{Metric: cpu.Name, System: suite.NATS, Ratio: 0.5})},
		{ID: "one/16384", Section: fan, Title: "1 publisher to 1 subscriber on another node, 16 KiB", Targets: nats(1.5)},
		{ID: "fanout/10", Section: fan, Title: "1 to 10 subscribers over two other nodes", Targets: append(nats(3),
			suite.Target{Metric: rate.Name, System: suite.PG, Ratio: 7})},
		{ID: "fanout/1000", Section: fan, Title: "1 to 1,000 subscribers over two other nodes, and a title that is longer than anybody would wish, to see that it wraps, and wraps, and is cut", Targets: nats(3)},
		{ID: "topics/8", Section: fan, Title: "8 publishers on 8 topics"},
	}
	for i := range out {
		out[i].Metrics, out[i].Runners = []suite.Metric{rate, cpu}, all
	}
	return append(out,
		suite.Workload{ID: "latency/idle", Section: late, Title: "One event at a time, idle nodes", Metrics: []suite.Metric{p50, p99},
			Runners: all[:2], Targets: []suite.Target{{Metric: p50.Name, System: suite.NATS, Ratio: 1}, {Metric: p99.Name, System: suite.NATS, Ratio: 1}}},
		suite.Workload{ID: "latency/half", Section: late, Title: "The same at half of the peak rate", Metrics: []suite.Metric{p50, p99}, Runners: all[:2]},
		suite.Workload{ID: "groups/joins", Section: groups, Title: "100,000 joins into distinct groups", Metrics: []suite.Metric{joins, perEach},
			Runners: []suite.NamedRunner{{System: suite.Eventnode}, {System: suite.PG}},
			Targets: []suite.Target{{Metric: joins.Name, System: suite.PG, Ratio: 0.3}, {Metric: perEach.Name, Ratio: 200}}},
		suite.Workload{ID: "groups/one", Section: groups, Title: "1,000,000 memberships in one group", Metrics: []suite.Metric{perEach},
			Runners: runners(suite.Eventnode), Targets: []suite.Target{{Metric: perEach.Name, Ratio: 60}}},
		suite.Workload{ID: "tls/one", Section: "With TLS", Title: "1 to 1, 128 B, mutual TLS", Metrics: []suite.Metric{rate},
			Runners: []suite.NamedRunner{{System: suite.Eventnode}, {System: suite.NATS, Unavailable: "no certificate | no key"}}, Targets: nats(1)},
	)
}

// fixtureResults are made up: what each system reaches, times a wobble by round.
func fixtureResults() *suite.Results {
	r := &suite.Results{
		Date: "2026-03-01", Command: "make bench", Rounds: 5,
		Machine: suite.Machine{
			CPU: "Example 9000 @ 2.40GHz", Cores: 2, Memory: 8 << 30, OS: "Debian GNU/Linux 12", Kernel: "6.1.0",
			Versions: map[string]string{"go": "go1.26.8", "eventnode": "v0.1.0", "nats-server": "v2.99.0", "erlang": "25"},
		},
		Skipped: map[suite.System]string{"redis": "no server\non this machine <yet>"},
	}
	type reached map[suite.System]float64
	for i, wobble := range []float64{1.034, 0.97, 1.016, 0.988, 0.995} {
		round := i + 1
		add := func(workload string, values reached, metric, also suite.Metric, times float64) {
			for _, s := range []suite.System{suite.Eventnode, suite.NATS, suite.PG, suite.Relay} {
				v, ok := values[s]
				if !ok {
					continue
				}
				sample := suite.Sample{Workload: workload, System: s, Round: round, Values: map[string]float64{metric.Name: v * wobble}}
				if also.Name != "" {
					sample.Values[also.Name] = times / v / wobble
				}
				r.Samples = append(r.Samples, sample)
			}
		}
		add("one/16", reached{"eventnode": 4.61e6, "nats": 0.9e6, "pg": 0.31e6, "relay": 6.2e6}, rate, cpu, 1.9e6)
		add("one/128", reached{"eventnode": 2.41e6, "nats": 0.812e6, "pg": 0.3e6, "relay": 5.1e6}, rate, cpu, 1.9e6)
		add("one/16384", reached{"eventnode": 81e3, "nats": 42e3, "pg": 11e3, "relay": 92e3}, rate, cpu, 1.9e6)
		add("fanout/10", reached{"eventnode": 3.9e6, "nats": 1.06e6, "pg": 0.372e6, "relay": 5e6}, rate, cpu, 1.9e6)
		add("fanout/1000", reached{"eventnode": 4.4e6, "nats": 1.1e6, "pg": 0.37e6}, rate, cpu, 1.9e6)
		add("topics/8", reached{"eventnode": 2.2e6, "nats": 0.77e6, "pg": 0.28e6, "relay": 4.7e6}, rate, cpu, 1.9e6)
		add("latency/idle", reached{"eventnode": 51.2, "nats": 55}, p50, p99, 55*86)
		add("latency/half", reached{"eventnode": 131, "nats": 190}, p50, p99, 190*870)
		add("groups/joins", reached{"eventnode": 0.31, "pg": 1.45}, joins, perEach, 60)
		add("groups/one", reached{"eventnode": 61.5}, perEach, suite.Metric{}, 0)
		add("gone/1", reached{"eventnode": 1}, rate, suite.Metric{}, 0)
	}
	for i := range r.Samples {
		s := &r.Samples[i]
		switch {
		case s.Workload == "one/16384" && s.System == suite.NATS:
			s.Note = "paced: loses events at full speed"
		case s.Workload == "topics/8" && s.System == suite.PG:
			s.Values, s.Failed = nil, "2 events\nlost | at <subscriber> 3"
		case s.Workload == "fanout/1000" && s.System == suite.Eventnode && s.Round == 2:
			s.Values, s.Failed = nil, "1 event came twice"
		}
	}
	return r
}
