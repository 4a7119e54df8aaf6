package groups

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/groups/internal/exchange"
)

// metrics are counters that any goroutine adds to or reads.
type metrics struct {
	sent, received [exchange.Kinds]atomic.Uint64
	refused        [exchange.Refusals]atomic.Uint64
	differed       atomic.Uint64
	dropped        atomic.Uint64 // messages for a peer whose link was full too long
	queueDropped   atomic.Uint64 // events dropped by members' queues
	resyncs        atomic.Uint64 // monitors that fell behind
}

// copy takes over the exchange's counters.
func (m *metrics) copy(c *exchange.Counters) {
	for i := range m.sent {
		m.sent[i].Store(c.Sent[i])
		m.received[i].Store(c.Received[i])
	}
	for i := range m.refused {
		m.refused[i].Store(c.Refused[i])
	}
	m.differed.Store(c.HashesDiffered)
}

// register makes the metrics known, if there is somebody to know them.
func (m *metrics) register(r prometheus.Registerer, g *Groups) error {
	if r == nil {
		return nil
	}
	return r.Register(&collector{g: g, m: m})
}

// collector reads the metrics when they are asked for.
type collector struct {
	g *Groups
	m *metrics
}

var _ prometheus.Collector = (*collector)(nil)

// Describe sends nothing: the collector is unchecked, its metrics are fixed.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("eventnode_groups_"+name, help, labels, nil)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(name, help string, v int) {
		ch <- prometheus.MustNewConstMetric(desc(name, help), prometheus.GaugeValue, float64(v))
	}
	s := c.g.Stats()
	gauge("groups", "Groups with a member.", s.Groups)
	gauge("memberships", "Memberships on all nodes.", s.Memberships)
	gauge("members", "Member handles on this node.", s.LocalMembers)
	sent := desc("exchange_sent_total", "Messages sent to peers.", "kind")
	received := desc("exchange_received_total", "Messages received from peers.", "kind")
	for k := range exchange.Kinds {
		count(sent, c.m.sent[k].Load(), k.String())
		count(received, c.m.received[k].Load(), k.String())
	}
	refused := desc("exchange_refused_total", "Messages or entries that changed nothing.", "reason")
	for r := range exchange.Refusals {
		count(refused, c.m.refused[r].Load(), r.String())
	}
	count(desc("exchange_hashes_differed_total", "Hashes received that differed."), c.m.differed.Load())
	count(desc("exchange_dropped_total", "Messages dropped because a link stayed full."), c.m.dropped.Load())
	count(desc("queue_dropped_total", "Events dropped by full member queues."), c.m.queueDropped.Load())
	count(desc("monitor_resyncs_total", "Monitors that fell behind and got a new snapshot."), c.m.resyncs.Load())
}
