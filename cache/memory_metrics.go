package cache

import "github.com/prometheus/client_golang/prometheus"

var (
	entriesDesc = prometheus.NewDesc("eventnode_cache_entries", "Values that the memory holds, by kind.", []string{"kind"}, nil)
	bytesDesc   = prometheus.NewDesc("eventnode_cache_bytes", "What they take, by kind, with 200 bytes for each besides its value.", []string{"kind"}, nil)
	evictedDesc = prometheus.NewDesc("eventnode_cache_evicted_total", "Values that went because there were too many, by kind.", []string{"kind"}, nil)
)

var _ prometheus.Collector = (*Memory)(nil)

// Describe implements prometheus.Collector.
func (m *Memory) Describe(out chan<- *prometheus.Desc) {
	out <- entriesDesc
	out <- bytesDesc
	out <- evictedDesc
}

// Collect implements prometheus.Collector.
func (m *Memory) Collect(out chan<- prometheus.Metric) {
	for k := range m.tables {
		u := m.Use(Kind(k))
		out <- prometheus.MustNewConstMetric(entriesDesc, prometheus.GaugeValue, float64(u.Entries), Kind(k).String())
		out <- prometheus.MustNewConstMetric(bytesDesc, prometheus.GaugeValue, float64(u.Bytes), Kind(k).String())
		out <- prometheus.MustNewConstMetric(evictedDesc, prometheus.CounterValue, float64(u.Evicted), Kind(k).String())
	}
}

// Use is how much a Memory holds.
type Use struct {
	Entries int
	// Bytes are those that Limit counts.
	Bytes int64
	// Evicted is how many went because there were too many, since the beginning.
	Evicted uint64
}

// Use is that of a kind.
func (m *Memory) Use(k Kind) Use {
	t, err := m.table(k)
	if err != nil {
		return Use{}
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Use{t.entries, t.bytes, t.evicted}
}
