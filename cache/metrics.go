package cache

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Cache.
type metrics struct {
	hits, misses, unknown [Kinds]prometheus.Counter
	malformed, store      prometheus.Counter
	skipped               prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	const ns, sub = "eventnode", "cache"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, labels)
	}
	reads := counter("reads_total", "Look-ups, by kind and result: hit, miss, error.", "kind", "result")
	failures := counter("write_errors_total", "Payloads that were not kept, by reason: malformed, store.", "reason")
	skipped := counter("skipped_total", "Parts of payloads without an id, such as a null in a list, that were not kept.")
	m := &metrics{malformed: failures.WithLabelValues("malformed"), store: failures.WithLabelValues("store"), skipped: skipped.WithLabelValues()}
	for k := range Kinds {
		m.hits[k] = reads.WithLabelValues(Kind(k).String(), "hit")
		m.misses[k] = reads.WithLabelValues(Kind(k).String(), "miss")
		m.unknown[k] = reads.WithLabelValues(Kind(k).String(), "error")
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{reads, failures, skipped} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// read counts a look-up.
func (m *metrics) read(k Kind, err error) {
	switch {
	case err == nil:
		m.hits[k].Inc()
	case errors.Is(err, ErrNotFound):
		m.misses[k].Inc()
	default:
		m.unknown[k].Inc()
	}
}

// failed counts a payload that was not kept.
func (m *metrics) failed(err error) {
	if errors.Is(err, ErrMalformed) {
		m.malformed.Inc()
		return
	}
	m.store.Inc()
}
