package chat

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// journalMetrics are those of a diary.
type journalMetrics struct {
	entries, bytes, behind, failures, undecodable prometheus.Counter
	lag, scan                                     prometheus.Histogram
	recoveries                                    *prometheus.CounterVec
}

func newJournalMetrics(reg prometheus.Registerer) (*journalMetrics, error) {
	const ns, sub = "eventnode", "chat_journal"
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
	}
	seconds := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)})
	}
	m := &journalMetrics{
		entries:     counter("entries_total", "Entries written to the session journal."),
		bytes:       counter("bytes_total", "Bytes of them."),
		behind:      counter("behind_total", "Sessions that were sent something while the queue to the journal was full: they wait in their logs."),
		failures:    counter("failures_total", "Writes that failed and were made again."),
		undecodable: counter("undecodable_total", "Events of the journal that are no entries, and were skipped."),
		lag:         seconds("write_seconds", "How long a batch took to be written: so much later clients see what it has."),
		scan:        seconds("scan_seconds", "How long it took to bring the index of the journal up to date."),
		recoveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "recoveries_total",
			Help: "Sessions that were asked of the journal, by result: ok, unknown, old, taken, refused, failed.",
		}, []string{"result"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.entries, m.bytes, m.behind, m.failures, m.undecodable, m.lag, m.scan, m.recoveries} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
