package membership

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Why something that gossip brought was not taken.
const (
	refusedName     = "name"     // not NAME#EPOCH
	refusedMeta     = "metadata" // malformed metadata
	refusedMessage  = "message"  // a message that is not understood
	refusedUUID     = "cluster"  // another cluster's UUID
	refusedLoopback = "loopback" // a loopback address, on one side only
	// And each Refusal of a caller.
)

// metrics counts. A nil Registerer leaves it counting for nobody.
type metrics struct {
	nodes      prometheus.Gauge
	events     *prometheus.CounterVec
	refused    *prometheus.CounterVec
	rejoins    *prometheus.CounterVec
	resyncs    prometheus.Counter
	suppressed prometheus.Counter
	asked      *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	const ns, sub = "eventnode", "membership"
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		nodes:      prometheus.NewGauge(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: "nodes", Help: "Living nodes, this one included."}),
		events:     vec("events_total", "Changes of nodes, by kind.", "kind"),
		refused:    vec("refused_total", "What gossip brought and was not taken, by reason.", "reason"),
		rejoins:    vec("rejoins_total", "Tries to join a seed or a lost node, by result.", "result"),
		resyncs:    counter("watch_resyncs_total", "Watchers that fell behind and got a new snapshot."),
		suppressed: counter("log_suppressed_total", "Log lines that were not written, to bound the log."),
		asked:      vec("name_probes_total", "Nodes with this node's name that were asked whether they live, by result.", "result"),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.nodes, m.events, m.refused, m.rejoins, m.resyncs, m.suppressed, m.asked} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
