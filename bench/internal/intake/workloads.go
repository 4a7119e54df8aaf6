package intake

import "github.com/eventnode/eventnode/bench/internal/suite"

// section is the report's.
const section = "One shard"

// The metrics.
var (
	rate        = suite.Metric{Name: "events_per_second", Title: "events taken in", Unit: "/s", Higher: true}
	processor   = suite.Metric{Name: "cpu_us", Title: "CPU for an event", Unit: "µs"}
	allocations = suite.Metric{Name: "allocations", Title: "allocations for an event", Unit: ""}
	allocated   = suite.Metric{Name: "allocated_bytes", Title: "allocated for an event", Unit: "B"}
	beginning   = suite.Metric{Name: "guild_ms", Title: "a guild of 1,000 members, at the start", Unit: "ms"}
)

// factor is how much faster than discordgo a shard is to be.
const factor = 3

// Workloads lists what is measured here.
func Workloads() []suite.Workload {
	return []suite.Workload{
		workload("shard/socket", "A shard's events over a loopback WebSocket, JSON", way{socket: true}),
		workload("shard/zlib", "A shard's events over a loopback WebSocket, each payload compressed by itself", way{socket: true, zlib: true}),
		workload("shard/memory", "A shard's events out of memory, JSON", way{}),
	}
}

func workload(id, title string, w way) suite.Workload {
	return suite.Workload{
		ID: id, Section: section, Title: title,
		Metrics: []suite.Metric{rate, processor, allocations, allocated, beginning},
		Targets: []suite.Target{
			{Metric: rate.Name, System: suite.Discordgo, Ratio: factor},
			{Metric: rate.Name, System: suite.DiscordgoPlain, Ratio: factor},
			{Metric: processor.Name, System: suite.Discordgo, Ratio: 1. / factor},
		},
		Runners: []suite.NamedRunner{
			{System: suite.Eventnode, Run: w.run("dispatched")},
			{System: suite.EventnodeHandled, Run: w.run("handled")},
			{System: suite.Discordgo, Run: w.run("discordgo-keeping")},
			{System: suite.DiscordgoPlain, Run: w.run("discordgo")},
		},
	}
}
