package table

import (
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// section is the report's.
const section = "Group table"

// The metrics.
var (
	visible = suite.Metric{Name: "seconds", Title: "until visible on both other nodes", Unit: "s"}
	called  = suite.Metric{Name: "calls_seconds", Title: "of this until the last call returned", Unit: "s"}

	p50 = suite.Metric{Name: "p50_us", Title: "p50", Unit: "µs"}
	p99 = suite.Metric{Name: "p99_us", Title: "p99", Unit: "µs"}

	synced     = suite.Metric{Name: "seconds", Title: "from the start of the process until all is there", Unit: "s"}
	sinceReady = suite.Metric{Name: "ready_seconds", Title: "from ready until all is there", Unit: "s"}
	originHeap = suite.Metric{Name: "origin_heap_bytes", Title: "heap a membership, origin", Unit: "B"}
	copyHeap   = suite.Metric{Name: "copy_heap_bytes", Title: "heap a membership, copy", Unit: "B"}
	joinerHeap = suite.Metric{Name: "joiner_heap_bytes", Title: "heap a membership, late joiner", Unit: "B"}
	readHeap   = suite.Metric{Name: "copy_read_heap_bytes", Title: "heap a membership, copy, each group read once", Unit: "B"}
	originRSS  = suite.Metric{Name: "origin_resident_bytes", Title: "resident a membership, origin", Unit: "B"}
	copyRSS    = suite.Metric{Name: "copy_resident_bytes", Title: "resident a membership, copy", Unit: "B"}
	joinerRSS  = suite.Metric{Name: "joiner_resident_bytes", Title: "resident a membership, late joiner", Unit: "B"}

	lookups      = suite.Metric{Name: "lookups_per_second", Title: "look-ups of all 1,000 members", Unit: "/s", Higher: true}
	localLookups = suite.Metric{Name: "local_lookups_per_second", Title: "look-ups of the 334 local members", Unit: "/s", Higher: true}
	changes      = suite.Metric{Name: "changes_per_second", Title: "joins and leaves meanwhile", Unit: "/s", Higher: true}
)

// Workloads lists what is measured here. pgUnavailable says why Erlang's pg
// cannot run; empty if it can.
func Workloads(pgUnavailable string) []suite.Workload {
	both := func(run func(system) suite.Runner) []suite.NamedRunner {
		return []suite.NamedRunner{
			{System: suite.Eventnode, Run: run(startEventnode)},
			{System: suite.PG, Run: run(startPG), Unavailable: pgUnavailable},
		}
	}
	faster := []suite.Target{{Metric: visible.Name, System: suite.PG, Ratio: 0.3}}
	return []suite.Workload{
		{
			ID: "table/joins-distinct", Section: section, Title: "100,000 joins one by one into distinct groups",
			Metrics: []suite.Metric{visible, called}, Targets: faster,
			Runners: both(joins{distinct, 100_000}.runner),
		},
		{
			ID: "table/joins-one", Section: section, Title: "10,000 joins one by one into one group",
			Metrics: []suite.Metric{visible, called}, Targets: faster,
			Runners: both(joins{one, 10_000}.runner),
		},
		{
			// Not for pg, where each join copies the list of the group's members:
			// ten times the joins take a hundred times as long.
			ID: "table/joins-one-100000", Section: section, Title: "100,000 joins one by one into one group",
			Metrics: []suite.Metric{visible, called},
			Runners: both(joins{one, 100_000}.runner)[:1],
		},
		{
			ID: "table/join-visible", Section: section, Title: "one join at a time, until a monitor on another node reports it",
			Metrics: []suite.Metric{p50, p99},
			Runners: both(single{5000}.runner),
		},
		{
			ID: "table/sync-one", Section: section, Title: "a late joiner of 1,000,000 memberships in one group",
			Metrics: syncMetrics(), Targets: syncTargets(60), MaxRounds: 3,
			Runners: both(late{one, 1_000_000, resting}.runner),
		},
		{
			ID: "table/sync-distinct", Section: section, Title: "a late joiner of 1,000,000 memberships in distinct groups",
			Metrics: syncMetrics(), Targets: syncTargets(200), MaxRounds: 3,
			Runners: both(late{distinct, 1_000_000, resting}.runner),
		},
		{
			ID: "table/lookups", Section: section, Title: "look-ups in a group of 1,000 under churn",
			Metrics: []suite.Metric{lookups, localLookups, changes},
			Runners: both(look{}.runner),
		},
	}
}

func syncMetrics() []suite.Metric {
	return []suite.Metric{synced, sinceReady, originHeap, copyHeap, joinerHeap, readHeap, originRSS, copyRSS, joinerRSS}
}

// syncTargets are about eventnode alone: three seconds, and bytes on every node.
func syncTargets(bytes float64) []suite.Target {
	return []suite.Target{
		{Metric: synced.Name, Ratio: 3},
		{Metric: originHeap.Name, Ratio: bytes},
		{Metric: copyHeap.Name, Ratio: bytes},
		{Metric: joinerHeap.Name, Ratio: bytes},
	}
}
