package streams

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a Service counts. Those of what the partition does are the
// replica's.
type metrics struct {
	batches   *prometheus.CounterVec // by result
	ok        prometheus.Counter     // batches with the reason OK
	events    prometheus.Counter
	read      prometheus.Counter
	lost      prometheus.Counter
	forwarded *prometheus.CounterVec // by result
	followers prometheus.Gauge

	delivered   prometheus.Counter
	redelivered prometheus.Counter
	missed      prometheus.Counter     // events that a consumer group lost
	fetches     *prometheus.CounterVec // by what they found
	settled     *prometheus.CounterVec // events, by verb
}

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "eventnode", Subsystem: "streams", Name: name, Help: help}
	}
	m := &metrics{
		batches:   prometheus.NewCounterVec(prometheus.CounterOpts(opts("batches_total", "Batches answered by this node as the leader, by reason; OK: appended.")), []string{"reason"}),
		events:    prometheus.NewCounter(prometheus.CounterOpts(opts("published_total", "Events appended through this node as the leader."))),
		read:      prometheus.NewCounter(prometheus.CounterOpts(opts("read_total", "Events sent to readers."))),
		lost:      prometheus.NewCounter(prometheus.CounterOpts(opts("read_lost_total", "Events that retention removed before they could be sent to a reader."))),
		forwarded: prometheus.NewCounterVec(prometheus.CounterOpts(opts("forwarded_total", "Calls forwarded to the leader, by result.")), []string{"code"}),
		followers: prometheus.NewGauge(prometheus.GaugeOpts(opts("followers", "Reads that follow a stream here."))),

		delivered:   prometheus.NewCounter(prometheus.CounterOpts(opts("delivered_total", "Events sent to consumers by this node as the leader."))),
		redelivered: prometheus.NewCounter(prometheus.CounterOpts(opts("redelivered_total", "Those of them that had been delivered before."))),
		missed:      prometheus.NewCounter(prometheus.CounterOpts(opts("consume_lost_total", "Events that were gone before a consumer group was handed them."))),
		fetches:     prometheus.NewCounterVec(prometheus.CounterOpts(opts("fetches_total", "Fetches of consumers that this node proposed as the leader, by what they found.")), []string{"found"}),
		settled:     prometheus.NewCounterVec(prometheus.CounterOpts(opts("settled_total", "Events that consumers settled at this node as the leader, by what they said.")), []string{"verb"}),
	}
	m.ok = m.batches.WithLabelValues("OK")
	if to == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.batches, m.events, m.read, m.lost, m.forwarded, m.followers, m.delivered, m.redelivered, m.missed, m.fetches, m.settled} {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("streams: register metric: %w", err)
		}
	}
	return m, nil
}
