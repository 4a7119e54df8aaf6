package durable

import (
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Sections of the report.
const (
	publishing = "Streams: publishing"
	reading    = "Streams: reading"
	consuming  = "Streams: consumer groups"
	losing     = "Streams: the loss of a leader"
	muchData   = "Streams: much data"
)

const (
	// batchEvents are in a batch of the flusher: with one under way and one being
	// filled a publisher is at most 4,000 events ahead of its acks, as JetStream's
	// client is.
	batchEvents = 2000
	// oldEvents are read from the beginning.
	oldEvents = 500_000
)

// ahead is how publishers of batches publish where nothing else is said.
func ahead() stream.Batches { return stream.Batches{Size: batchEvents} }

// all are the systems in the order of their turns.
func all() []suite.System {
	return []suite.System{
		suite.Eventnode, suite.JetStreamR3, suite.JetStreamR3Sync, suite.JetStreamR1, suite.RedisEverysec, suite.RedisAlways,
	}
}

// replicated are those that outlive the loss of a node.
func replicated() []suite.System { return all()[:3] }

// Workloads lists what is measured here. redisMissing says why Redis cannot run;
// empty if it can.
func Workloads(redisMissing string) []suite.Workload {
	list := append(publishes(), reads()...)
	list = append(list, consumes()...)
	list = append(list, failovers()...)
	list = append(list, large())
	for _, w := range list {
		for i, r := range w.Runners {
			if r.System == suite.RedisAlways || r.System == suite.RedisEverysec {
				w.Runners[i].Unavailable = redisMissing
			}
		}
	}
	return list
}

// publishes are the ways to publish.
func publishes() []suite.Workload {
	var list []suite.Workload
	for _, n := range []int{1, 8} {
		plural := ""
		if n > 1 {
			plural = "s"
		}
		list = append(list, workload(fmt.Sprintf("publish/flusher-%d", n), publishing,
			fmt.Sprintf("%d publisher%s in one process, batches of %d, 128 bytes", n, plural, batchEvents), rates(), all(),
			func(s suite.System) suite.Runner { return inBatches(s, n, ahead()) },
			suite.Target{Metric: acked.Name, System: suite.JetStreamR3, Ratio: 5}))
	}
	latencies := append(rates(), p50, p99, p999)
	return append(list,
		workload("publish/many", publishing, fmt.Sprintf("1 publisher, PublishMany of %d, 128 bytes", batchEvents), rates(), all()[:1],
			func(s suite.System) suite.Runner {
				return inBatches(s, 1, stream.Batches{Size: batchEvents, Many: true})
			}),
		workload("publish/100", publishing, "1 publisher, batches of 100, each waited for, 128 bytes", rates(), all(),
			func(s suite.System) suite.Runner { return inBatches(s, 1, stream.Batches{Size: 100, Wait: true}) },
			suite.Target{Metric: acked.Name, System: suite.RedisAlways, Ratio: 5}),
		workload("publish/callers-64", publishing, "64 callers on one connection, one event each at a time, 128 bytes", latencies, all(),
			func(s suite.System) suite.Runner { return byCallers(s, 64) },
			suite.Target{Metric: acked.Name, System: suite.JetStreamR3Sync, Ratio: 1.5}),
		workload("publish/one", publishing, "1 caller, one event at a time, 128 bytes",
			[]suite.Metric{p50, p99, p999, acked, cpu, written}, all(),
			func(s suite.System) suite.Runner { return byCallers(s, 1) },
			suite.Target{Metric: p50.Name, System: suite.JetStreamR3Sync, Ratio: 0.7}))
}

// rates are the metrics of a rate.
func rates() []suite.Metric { return []suite.Metric{acked, cpu, written} }

// reads are the ways to read.
func reads() []suite.Workload {
	return []suite.Workload{
		workload("read/tail", reading, "1 reader follows 1 publisher at full speed, 128 bytes", []suite.Metric{readRate}, all(), tail),
		workload("read/old", reading, fmt.Sprintf("1 reader reads %d events from the beginning, 128 bytes", oldEvents),
			[]suite.Metric{readRate, readCPU}, all(), old),
	}
}

// consumes are the ways to consume.
func consumes() []suite.Workload {
	const gib = 1 << 30
	list := []suite.Workload{
		workload("consume/one", consuming, fmt.Sprintf("1 consumer takes and acks %d events in batches of %d, 128 bytes", consumeEvents, consumeBatch),
			[]suite.Metric{consumed, consumeCPU, written}, all(), consumeOne,
			suite.Target{Metric: consumed.Name, System: suite.JetStreamR3, Ratio: 4}),
		workload("consume/while-publishing", consuming, "1 publisher at full speed and 1 consumer, at once, 128 bytes",
			[]suite.Metric{consumed, whileRate, whileBehind}, all(), consumeMeanwhile,
			suite.Target{Metric: consumed.Name, System: suite.JetStreamR3, Ratio: 4}),
		workload("consume/keyed", consuming, fmt.Sprintf("%d consumers of a keyed group, %d keys, 128 bytes", keyedConsumers, consumeKeys),
			[]suite.Metric{keyedShare, keyedRate, plainRate}, all()[:1],
			func(suite.System) suite.Runner { return consumeKeyed },
			suite.Target{Metric: keyedShare.Name, Ratio: 0.5}),
		workload("consume/behind", consuming, "1 consumer group far behind, on disk, 128 bytes",
			[]suite.Metric{othersShare, catchShare, othersAlone, othersWith, tailConsume, catchUp}, all()[:1],
			func(suite.System) suite.Runner { return consumeBehind },
			suite.Target{Metric: othersShare.Name, Ratio: 0.8}, suite.Target{Metric: catchShare.Name, Ratio: 0.5}),
		workload("consume/scale", consuming, "many consumer groups with pending entries; then all nodes are started again",
			[]suite.Metric{manyServing, manyRSS, manyAgain, manyMaking, manyDisk}, all()[:1],
			func(suite.System) suite.Runner { return manyGroups },
			suite.Target{Metric: manyServing.Name, Ratio: 5}, suite.Target{Metric: manyRSS.Name, Ratio: gib},
			suite.Target{Metric: manyAgain.Name, Ratio: gib}),
	}
	for i := range list {
		if id := list[i].ID; id == "consume/behind" || id == "consume/scale" {
			list[i].MaxRounds, list[i].OnDemand = 1, true
		}
	}
	return list
}

// failovers are the ways to lose a leader.
func failovers() []suite.Workload {
	const rounds = 3
	list := []suite.Workload{
		workload("failover/kill", losing, fmt.Sprintf("kill -9 of the leader, %d callers", failoverCallers),
			[]suite.Metric{back50, back99, backMax, failed}, replicated(), kill,
			suite.Target{Metric: back99.Name, Ratio: 1500}),
		workload("failover/handover", losing, fmt.Sprintf("SIGTERM of the leader, %d callers", failoverCallers),
			[]suite.Metric{pause50, pauses, failed}, replicated(), handOver,
			suite.Target{Metric: failed.Name, Ratio: 0}, suite.Target{Metric: pauses.Name, Ratio: 200}),
	}
	for i := range list {
		list[i].MaxRounds = rounds
	}
	return list
}

// large is much data on disk.
func large() suite.Workload {
	const mib = 1 << 20
	w := workload("disk/large", muchData, "1 publisher, 1,024 bytes, gigabytes; then all nodes are started again, and nothing is in memory",
		[]suite.Metric{starting, largeRSS, oldShare, oldRate, tailRate, filling, largeDisk}, all()[:1],
		func(suite.System) suite.Runner { return muchOnDisk },
		suite.Target{Metric: starting.Name, Ratio: 5}, suite.Target{Metric: largeRSS.Name, Ratio: 600 * mib},
		suite.Target{Metric: oldShare.Name, Ratio: 0.5})
	w.MaxRounds, w.OnDemand = 1, true
	return w
}

// workload has a runner of each system.
func workload(id, section, title string, metrics []suite.Metric, systems []suite.System,
	runner func(suite.System) suite.Runner, targets ...suite.Target,
) suite.Workload {
	w := suite.Workload{ID: id, Section: section, Title: title, Metrics: metrics, Targets: targets}
	for _, s := range systems {
		w.Runners = append(w.Runners, suite.NamedRunner{System: s, Run: runner(s)})
	}
	return w
}
