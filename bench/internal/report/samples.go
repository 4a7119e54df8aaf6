package report

import (
	"slices"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// samples are those of one workload, by system.
type samples map[suite.System][]suite.Sample

func samplesOf(r *suite.Results, workload string) samples {
	out := make(samples)
	for _, s := range r.Samples {
		if s.Workload == workload {
			out[s.System] = append(out[s.System], s)
		}
	}
	return out
}

func (s samples) stat(system suite.System, metric string) stat {
	var values []float64
	for _, sample := range s[system] {
		if v, ok := sample.Values[metric]; ok && sample.Failed == "" {
			values = append(values, v)
		}
	}
	return summarize(values)
}

// failed are the samples without values, in the order of their rounds.
func (s samples) failed(system suite.System) []suite.Sample {
	var out []suite.Sample
	for _, sample := range s[system] {
		if sample.Failed != "" {
			out = append(out, sample)
		}
	}
	return out
}

// measured says whether at least one round gave values.
func (s samples) measured(system suite.System) bool {
	return len(s[system]) > len(s.failed(system))
}

// note joins the different notes of the rounds.
func (s samples) note(system suite.System) string {
	var notes []string
	for _, sample := range s[system] {
		if n := oneLine(sample.Note); n != "" && !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	return strings.Join(notes, "; ")
}

// order is that of tables, plots and colours.
var order = [...]suite.System{
	suite.Eventnode, suite.NATS, suite.PG, suite.Relay,
	suite.JetStreamR3, suite.JetStreamR3Sync, suite.JetStreamR1, suite.RedisEverysec, suite.RedisAlways,
	suite.PostgreSQLLoop, suite.WSLoop, suite.WSParallel,
	suite.EventnodeHandled, suite.Discordgo, suite.DiscordgoPlain,
}

// systemsOf are those that run a workload or once did: the known ones in order,
// then others by name.
func systemsOf(w suite.Workload, s samples) []suite.System {
	has := make(map[suite.System]bool)
	for _, r := range w.Runners {
		has[r.System] = true
	}
	for system := range s {
		has[system] = true
	}
	var out, others []suite.System
	for _, system := range order {
		if has[system] {
			out = append(out, system)
		}
	}
	for system := range has {
		if !slices.Contains(order[:], system) {
			others = append(others, system)
		}
	}
	slices.Sort(others)
	return append(out, others...)
}

// title is a system's name for people.
func title(s suite.System) string {
	switch s {
	case suite.NATS:
		return "NATS"
	case suite.PG:
		return "Erlang pg"
	case suite.Relay:
		return "gRPC relay"
	case suite.JetStreamR3:
		return "JetStream R3"
	case suite.JetStreamR3Sync:
		return "JetStream R3, synced"
	case suite.JetStreamR1:
		return "JetStream R1"
	case suite.RedisEverysec:
		return "Redis, everysec"
	case suite.RedisAlways:
		return "Redis, always"
	case suite.PostgreSQLLoop:
		return "PostgreSQL, loop"
	case suite.WSLoop:
		return "WebSocket, loop"
	case suite.WSParallel:
		return "WebSocket, parallel"
	case suite.EventnodeHandled:
		return "eventnode, handlers only"
	case suite.DiscordgoPlain:
		return "discordgo, no messages"
	default:
		return string(s)
	}
}

// absence says why a system has no values for a workload.
func absence(w suite.Workload, r *suite.Results, s samples, system suite.System) string {
	if n := len(s[system]); n > 0 {
		return "failed in every round"
	}
	if r.Skipped[system] != "" {
		return "skipped"
	}
	for _, runner := range w.Runners {
		if runner.System == system && runner.Unavailable != "" {
			return "not measured: " + oneLine(runner.Unavailable)
		}
	}
	return "not measured"
}

// oneLine makes text from a process fit into a line.
func oneLine(s string) string {
	const limit = 300
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return s
}
