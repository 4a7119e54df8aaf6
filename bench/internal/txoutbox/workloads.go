package txoutbox

import "github.com/eventnode/eventnode/bench/internal/suite"

// section of the report.
const section = "Streams: the transactional outbox"

// Metrics of an outbox.
var (
	relayed = suite.Metric{Name: "relayed_per_second", Title: "published and removed", Unit: "/s", Higher: true}
	age50   = suite.Metric{Name: "age_p50_ms", Title: "from INSERT to reader, p50", Unit: "ms"}
	age99   = suite.Metric{Name: "age_p99_ms", Title: "p99", Unit: "ms"}
	ageMax  = suite.Metric{Name: "age_max_ms", Title: "max", Unit: "ms"}
)

const (
	// relayEvents wait in the outbox when a relay starts.
	relayEvents = 200_000
	// relayKeys is how many keys they have.
	relayKeys = 1000
	// agePerSecond is how many events a second are added where their age is measured.
	agePerSecond = 1000
	// eventBytes is the size of an event's data.
	eventBytes = 128
)

// Workloads lists what is measured here. missing says why PostgreSQL cannot run; empty if
// it can.
func Workloads(missing string) []suite.Workload {
	return []suite.Workload{
		{
			ID: "outbox/relay", Section: section, Title: "A relay empties an outbox of 200,000 events in PostgreSQL, 128 bytes, batches of 1,000",
			Metrics: []suite.Metric{relayed},
			Targets: []suite.Target{{Metric: relayed.Name, Ratio: 20_000}},
			Runners: []suite.NamedRunner{
				{System: suite.Eventnode, Run: relay, Unavailable: missing},
				{System: suite.PostgreSQLLoop, Run: loop, Unavailable: missing},
			},
		},
		{
			ID: "outbox/age", Section: section, Title: "1,000 transactions a second add an event each; how old they are when they are read from the stream",
			Metrics: []suite.Metric{age50, age99, ageMax},
			Targets: []suite.Target{{Metric: age99.Name, Ratio: 100}},
			Runners: []suite.NamedRunner{{System: suite.Eventnode, Run: age, Unavailable: missing}},
		},
	}
}
