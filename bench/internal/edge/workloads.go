package edge

import "github.com/eventnode/eventnode/bench/internal/suite"

// section is the report's.
const section = "Gateway"

// The metrics.
var (
	inUse      = suite.Metric{Name: "heap_and_stack_bytes", Title: "heap and stacks in use, a session", Unit: "B"}
	stacks     = suite.Metric{Name: "stack_bytes", Title: "of this stacks", Unit: "B"}
	resident   = suite.Metric{Name: "resident_bytes", Title: "resident, what is free given back, a session", Unit: "B"}
	asItIs     = suite.Metric{Name: "resident_as_is_bytes", Title: "resident, nothing collected, a session", Unit: "B"}
	goroutines = suite.Metric{Name: "goroutines", Title: "goroutines, a session", Unit: ""}
	identified = suite.Metric{Name: "identified_per_second", Title: "sessions opened", Unit: "/s", Higher: true}

	last       = suite.Metric{Name: "last_ms", Title: "until the last client has an event, median of 20", Unit: "ms"}
	slowest    = suite.Metric{Name: "last_max_ms", Title: "the slowest of 20", Unit: "ms"}
	cpuSingle  = suite.Metric{Name: "server_cpu_single_us", Title: "CPU of the servers for a delivery of these", Unit: "µs"}
	deliveredS = suite.Metric{Name: "deliveries_per_second", Title: "delivered, 200 events back to back", Unit: "/s", Higher: true}
	cpuEach    = suite.Metric{Name: "server_cpu_us", Title: "CPU of the servers for a delivery back to back", Unit: "µs"}

	otherNode = suite.Metric{Name: "other_node_seconds", Title: "until the last has resumed on the other node", Unit: "s"}
	sameNode  = suite.Metric{Name: "same_node_seconds", Title: "until the last has resumed on the same node", Unit: "s"}
)

// sessionBytes is what a session may take.
const sessionBytes = 24 << 10

// Workloads lists what is measured here.
func Workloads() []suite.Workload {
	return []suite.Workload{
		{
			ID: "gateway/idle", Section: section, Title: "50,000 idle sessions on one node, 1,000 users in each guild with ten channels", MaxRounds: 3,
			Metrics: []suite.Metric{inUse, stacks, resident, asItIs, goroutines, identified},
			Targets: []suite.Target{{Metric: inUse.Name, Ratio: sessionBytes}, {Metric: resident.Name, Ratio: sessionBytes}},
			Runners: []suite.NamedRunner{{System: suite.Eventnode, Run: idleRun}},
		},
		{
			ID: "gateway/fan-out", Section: section, Title: "one event to 10,000 sessions of one channel on two nodes",
			Metrics: []suite.Metric{last, slowest, cpuSingle, deliveredS, cpuEach},
			Targets: []suite.Target{{Metric: last.Name, Ratio: 50}},
			Runners: []suite.NamedRunner{
				{System: suite.Eventnode, Run: fanOut},
				{System: suite.WSLoop, Run: loop(false)},
				{System: suite.WSParallel, Run: loop(true)},
			},
		},
		{
			ID: "gateway/resume", Section: section, Title: "10,000 clients of one node are cut off and resume at once, an event missed",
			Metrics: []suite.Metric{otherNode, sameNode},
			Targets: []suite.Target{{Metric: otherNode.Name, Ratio: 5}, {Metric: sameNode.Name, Ratio: 5}},
			Runners: []suite.NamedRunner{{System: suite.Eventnode, Run: resumeRun}},
		},
	}
}
