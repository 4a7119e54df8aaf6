package live

import (
	"fmt"
	"slices"

	"github.com/eventnode/eventnode/bench/internal/relay"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Sections of the report.
const (
	oneToOne = "One publisher, one subscriber"
	fanOut   = "Fan-out"
	many     = "Many publishers, many topics"
	latency  = "Latency"
	requests = "Requests and replies"
	rested   = "At rest"
	limit    = "The wire's limit"
)

// systems are those that this package can run.
func systems() []suite.System { return []suite.System{suite.Eventnode, suite.NATS} }

// Workloads lists what is measured here.
func Workloads() []suite.Workload {
	var list []suite.Workload
	for _, w := range []struct {
		size   int
		target float64
	}{{16, 5}, {128, 3}, {1 << 10, 1.5}, {16 << 10, 1.5}} {
		list = append(list, workload(fmt.Sprintf("one-to-one/%d", w.size), oneToOne,
			fmt.Sprintf("1 publisher on node 1, 1 subscriber on node 2, %d bytes", w.size),
			shape{size: w.size, publishers: 1, topics: 1, subscribers: 1, nodes: linked()}, w.target))
	}
	list[1].Targets = append(list[1].Targets, suite.Target{Metric: cpu.Name, System: suite.NATS, Ratio: 0.5})
	list = append(list, workload("one-node/128", oneToOne, "publisher and subscriber on one node, 128 bytes",
		shape{size: 128, publishers: 1, topics: 1, subscribers: 1, nodes: []int{0}}, 0))
	for _, n := range []int{10, 100, 1000} {
		list = append(list, workload(fmt.Sprintf("fan-out/%d", n), fanOut,
			fmt.Sprintf("1 publisher on node 1, %d subscribers on nodes 2 and 3, 128 bytes", n),
			shape{size: 128, publishers: 1, topics: 1, subscribers: n, nodes: twoNodes()}, 3))
	}
	list = append(list,
		workload("publishers/8", many, "8 publishers on node 1, a topic and a subscriber each, on nodes 2 and 3, 128 bytes",
			shape{size: 128, publishers: 8, topics: 1, subscribers: 1, nodes: twoNodes()}, 0),
		workload("topics/10000", many, "1 publisher on node 1, 10,000 topics in turn, a subscriber each, on nodes 2 and 3, 128 bytes",
			shape{size: 128, publishers: 1, topics: 10_000, subscribers: 1, nodes: twoNodes()}, 0))
	return slices.Concat(list, latencies(), asking())
}

// latencies are the latencies, and what a cluster takes at rest.
func latencies() []suite.Workload {
	s := shape{size: 128, publishers: 1, topics: 1, subscribers: 1, nodes: linked()}
	alone := suite.Workload{ID: "latency/idle", Section: latency, Title: "one event at a time from a client of node 1 to one of node 2, 128 bytes",
		Metrics: latencyMetrics(), Targets: []suite.Target{
			{Metric: p50.Name, System: suite.NATS, Ratio: 1}, {Metric: p99.Name, System: suite.NATS, Ratio: 1}}}
	half := suite.Workload{ID: "latency/half", Section: latency, Title: "at half of each system's own peak rate, 128 bytes", Metrics: latencyMetrics()}
	same := suite.Workload{ID: "latency/same", Section: latency, Title: "at half of NATS's peak rate, 128 bytes", Metrics: latencyMetrics()}
	atRest := suite.Workload{ID: "rest", Section: rested, Title: "three nodes without events, then 10,000 subscriptions",
		Metrics: []suite.Metric{idleCPU, resident, subscription}, Targets: []suite.Target{{Metric: idleCPU.Name, Ratio: 1}}}
	nats := &pacer{system: suite.NATS}
	for _, system := range systems() {
		own := nats
		if system != suite.NATS {
			own = &pacer{system: system}
		}
		alone.Runners = append(alone.Runners, suite.NamedRunner{System: system, Run: ping(system)})
		half.Runners = append(half.Runners, suite.NamedRunner{System: system, Run: under(system, s, 0.5, own, "half of its peak")})
		same.Runners = append(same.Runners, suite.NamedRunner{System: system, Run: under(system, s, 0.5, nats, "half of NATS's peak")})
		atRest.Runners = append(atRest.Runners, suite.NamedRunner{System: system, Run: idle(system)})
	}
	wire := suite.Workload{ID: "wire", Section: limit, Title: "bare gRPC streams of 64 KiB frames over the same hops",
		Metrics: []suite.Metric{relay.Bytes}, Runners: []suite.NamedRunner{{System: suite.Relay, Run: relay.Run}}}
	return []suite.Workload{alone, half, same, atRest, wire}
}

// workload is a rate, with the factor over NATS that is promised; 0: none.
func workload(id, section, title string, s shape, factor float64) suite.Workload {
	w := suite.Workload{ID: id, Section: section, Title: title, Metrics: []suite.Metric{Deliveries, cpu, nodesCPU}}
	if factor > 0 {
		w.Targets = append(w.Targets, suite.Target{Metric: Deliveries.Name, System: suite.NATS, Ratio: factor})
	}
	for _, system := range systems() {
		w.Runners = append(w.Runners, suite.NamedRunner{System: system, Run: rate(system, s)})
	}
	return w
}
