// Package suite names what is measured: workloads, the systems that run them,
// and the samples that come out.
//
// A workload is run by each of its systems once a round, one after the other,
// round after round, so that whatever else the machine does hits all of them
// alike. What counts is the ratio of medians.
package suite

import (
	"context"
	"io"
)

// System is whose figures these are.
type System string

// The systems.
const (
	Eventnode System = "eventnode"
	NATS      System = "nats"
	PG        System = "pg"    // Erlang/OTP's process groups
	Relay     System = "relay" // bare gRPC over the same hops

	// NATS JetStream on three nodes: three replicas of a stream, with its default of
	// an fsync every two minutes and with one before each ack, and one copy.
	JetStreamR3     System = "jetstream-r3"
	JetStreamR3Sync System = "jetstream-r3-sync"
	JetStreamR1     System = "jetstream-r1"
	// Redis Streams on one node, with an append-only file that is fsynced every
	// second, and before each answer.
	RedisEverysec System = "redis-everysec"
	RedisAlways   System = "redis-always"
	// A loop that reads and deletes the rows of a table in PostgreSQL, and does nothing
	// with them.
	PostgreSQLLoop System = "postgresql-loop"
	// A plain loop that writes an event's frame to each of many WebSockets, in one
	// goroutine and in one for each processor.
	WSLoop     System = "websocket-loop"
	WSParallel System = "websocket-loops"
	// A shard's pipeline without its last step, to consumers on other nodes: what a library
	// in one process does.
	EventnodeHandled System = "eventnode-handled"
	// The library discordgo, whose state keeps messages, and as it comes: then it keeps none.
	Discordgo      System = "discordgo"
	DiscordgoPlain System = "discordgo-plain"
)

// Metric is one measured quantity. Its name ends in its unit.
type Metric struct {
	// Name is the key in Sample.Values, such as "deliveries_per_second".
	Name string
	// Title and Unit are for people.
	Title, Unit string
	// Higher says that more is better.
	Higher bool
}

// Target is a promise about one metric: eventnode's median divided by System's
// is at least Ratio (at most, if less is better). Without System it is about
// eventnode's own median.
type Target struct {
	Metric string
	System System
	Ratio  float64
}

// Env is where a case runs.
type Env struct {
	// Dir is a directory of this run's own, for logs and data.
	Dir string
	// Volatile says that Dir is in memory, where an fsync is nothing.
	Volatile bool
	// Self is the path of the bench binary, for processes of its own.
	Self string
	// Eventnode and NATSServer are the paths of the servers' binaries.
	Eventnode, NATSServer string
	// Redis is the path of Redis's server; empty: there is none.
	Redis string
	// Log takes one line a step, for people.
	Log io.Writer
	// Profile is a directory for CPU profiles of every process; empty: none.
	Profile string
	// Short asks for a run that proves that it works, not for figures.
	Short bool
	// Kills is how many leaders are killed in a round.
	Kills int
	// GiB is how much is written where there is to be much on disk.
	GiB float64
	// Behind is how many events a consumer group falls behind.
	Behind uint64
	// Groups and Pending are how many consumer groups and pending entries there are
	// where there are to be many.
	Groups, Pending int
}

// Outcome is what one run of a workload by one system gave.
type Outcome struct {
	// Values are by metric name.
	Values map[string]float64
	// Note is for the table, such as "paced: loses events at full speed".
	Note string
}

// Runner runs a workload once, from starting its processes to ending them. It
// fails if an event was lost, came twice or came out of order.
type Runner func(ctx context.Context, env *Env) (Outcome, error)

// Workload is one line of what is measured.
type Workload struct {
	// ID is stable, such as "fanout/10".
	ID string
	// Section groups workloads in the report; Title says what happens, sizes
	// and counts included.
	Section, Title string
	// Metrics in the order of the report; the first one is plotted.
	Metrics []Metric
	Targets []Target
	// MaxRounds bounds the rounds of what takes long. 0 is no bound.
	MaxRounds int
	// OnDemand leaves the workload out unless it was asked for.
	OnDemand bool
	// Runners in the order in which they take their turns.
	Runners []NamedRunner
}

// NamedRunner is a system's way to run a workload.
type NamedRunner struct {
	System System
	Run    Runner
	// Unavailable says why the system cannot run here; empty if it can.
	Unavailable string
}

// Sample is one Outcome in the results file.
type Sample struct {
	Workload string             `json:"workload"`
	System   System             `json:"system"`
	Round    int                `json:"round"`
	Values   map[string]float64 `json:"values,omitempty"`
	Note     string             `json:"note,omitempty"`
	// Failed says why there are no values.
	Failed string `json:"failed,omitempty"`
}

// Machine is where and with what the samples were measured.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	OS     string `json:"os"`
	Kernel string `json:"kernel"`
	// Disk is the file system of what is written.
	Disk string `json:"disk,omitempty"`
	// Versions by name: "go", "eventnode", "nats-server", "nats.go", "erlang",
	// "redis", "postgresql".
	Versions map[string]string `json:"versions"`
}

// Results is the results file.
type Results struct {
	Date    string   `json:"date"` // YYYY-MM-DD
	Command string   `json:"command"`
	Rounds  int      `json:"rounds"`
	Machine Machine  `json:"machine"`
	Samples []Sample `json:"samples"`
	// Skipped says which systems were not measured, and why.
	Skipped map[System]string `json:"skipped,omitempty"`
}
