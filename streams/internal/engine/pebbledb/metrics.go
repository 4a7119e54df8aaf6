package pebbledb

import (
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics reads Pebble's own when it is scraped. A store that is closed has
// none.
type metrics struct {
	store *Store
	to    prometheus.Registerer
	waits atomic.Uint64 // commits that had to wait for the disk, once a wait
}

var _ prometheus.Collector = (*metrics)(nil)

// family is one metric and where it comes from.
type family struct {
	name, help string
	kind       prometheus.ValueType
	read       func(*pebble.Metrics) float64
}

func families() []family {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []family{
		{"disk_bytes", "Bytes of all files, also of those that are to be removed.", gauge, func(m *pebble.Metrics) float64 { return float64(m.DiskSpaceUsage()) }},
		{"memtable_bytes", "Bytes in memory that are not on disk yet.", gauge, func(m *pebble.Metrics) float64 { return float64(m.MemTable.Size) }},
		{"cache_bytes", "Bytes of blocks in memory.", gauge, func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Size) }},
		{"cache_hits_total", "Blocks that were in memory.", counter, func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Hits) }},
		{"cache_misses_total", "Blocks that were read from disk.", counter, func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Misses) }},
		{"read_amplification", "Tables a read may have to look into.", gauge, func(m *pebble.Metrics) float64 { return float64(m.ReadAmp()) }},
		{"flushes_total", "Memtables written to disk.", counter, func(m *pebble.Metrics) float64 { return float64(m.Flush.Count) }},
		{"flushed_bytes_total", "Bytes written by flushes.", counter, flushedBytes},
		{"compactions_total", "Compactions.", counter, func(m *pebble.Metrics) float64 { return float64(m.Compact.Count) }},
		{"compacted_bytes_total", "Bytes written by compactions.", counter, compactedBytes},
		{"compaction_debt_bytes", "Bytes that compactions have still to write, an estimate.", gauge, func(m *pebble.Metrics) float64 { return float64(m.Compact.EstimatedDebt) }},
		{"snapshots", "Open snapshots.", gauge, func(m *pebble.Metrics) float64 { return float64(m.Snapshots.Count) }},
	}
}

// flushedBytes is the sum over the levels: Pebble's own total counts what was flushed
// once more, as what came in.
func flushedBytes(m *pebble.Metrics) (sum float64) {
	for _, level := range m.Levels {
		sum += float64(level.TableBytesFlushed + level.BlobBytesFlushed)
	}
	return sum
}

func compactedBytes(m *pebble.Metrics) (sum float64) {
	for _, level := range m.Levels {
		sum += float64(level.TableBytesCompacted + level.BlobBytesCompacted)
	}
	return sum
}

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName("eventnode", "store", name), help, nil, nil)
}

func waitsDesc() *prometheus.Desc {
	return desc("commit_waits_total", "Times a commit waited because the disk was behind.")
}

func stoppedDesc() *prometheus.Desc {
	return desc("stopped", "1 when the store failed or is damaged.")
}

// Describe lists what Collect sends.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families() {
		to <- desc(f.name, f.help)
	}
	to <- waitsDesc()
	to <- stoppedDesc()
}

// Collect reads them all at one moment.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	now := m.store.stats()
	for _, f := range families() {
		to <- prometheus.MustNewConstMetric(desc(f.name, f.help), f.kind, f.read(now))
	}
	to <- prometheus.MustNewConstMetric(waitsDesc(), prometheus.CounterValue, float64(m.waits.Load()))
	to <- prometheus.MustNewConstMetric(stoppedDesc(), prometheus.GaugeValue, float64(m.stopped()))
}

func (m *metrics) stopped() int {
	if m.store.Err() != nil {
		return 1
	}
	return 0
}

func (m *metrics) register(to prometheus.Registerer) error {
	if to == nil {
		return nil
	}
	if err := to.Register(m); err != nil {
		return fmt.Errorf("pebbledb: register metrics: %w", err)
	}
	m.to = to
	return nil
}

func (m *metrics) unregister() {
	if m.to != nil {
		m.to.Unregister(m)
	}
}
