package raftlog

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts. A nil Registerer leaves it counting for nobody.
type metrics struct {
	reg                                                  prometheus.Registerer
	hits, misses, entries, bytes, damaged, refused, late prometheus.Counter
	storeSeconds                                         prometheus.Histogram
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "eventnode", Subsystem: "raftlog", Name: name, Help: help,
	})
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		reg:     reg,
		hits:    counter("cache_hits_total", "Entries read from memory."),
		misses:  counter("cache_misses_total", "Entries read from disk."),
		entries: counter("entries_total", "Entries stored."),
		bytes:   counter("bytes_total", "Bytes of entries stored."),
		damaged: counter("damaged_total", "Entries read that were not what had been stored."),
		refused: counter("refused_total", "Batches not stored because an entry did not match its checksum."),
		late:    counter("late_total", "Writes that took longer than the deadline."),
		storeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "eventnode", Subsystem: "raftlog", Name: "store_seconds",
			Help:    "Time to store a batch of entries and fsync it.",
			Buckets: prometheus.ExponentialBuckets(100e-6, 2, 17), // to 6.5 s
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range m.all() {
		if err := reg.Register(c); err != nil {
			m.unregister()
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.hits, m.misses, m.entries, m.bytes, m.damaged, m.refused, m.late, m.storeSeconds,
	}
}

// unregister makes room for the same log, opened again.
func (m *metrics) unregister() {
	if m.reg == nil {
		return
	}
	for _, c := range m.all() {
		m.reg.Unregister(c)
	}
}
