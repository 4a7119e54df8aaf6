package ingest

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are the metrics.
type counters struct {
	dispatched, published, known prometheus.Counter
	refused                      *prometheus.CounterVec // by reason, of which there are as many as apierr has
}

func newCounters(to prometheus.Registerer) (*counters, error) {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "eventnode", Subsystem: "ingest", Name: name, Help: help}
	}
	c := &counters{
		dispatched: prometheus.NewCounter(opts("dispatched_total", "Events taken over HTTP and dispatched to a topic.")),
		published:  prometheus.NewCounter(opts("published_total", "Events taken over HTTP and appended to a stream.")),
		known:      prometheus.NewCounter(opts("known_total", "Events taken over HTTP that their stream knew already.")),
		refused:    prometheus.NewCounterVec(opts("refused_total", "Requests over HTTP that were refused, by reason."), []string{"reason"}),
	}
	if to == nil {
		return c, nil
	}
	for _, m := range []prometheus.Collector{c.dispatched, c.published, c.known, c.refused} {
		if err := to.Register(m); err != nil {
			return nil, fmt.Errorf("ingest: register metric: %w", err)
		}
	}
	return c, nil
}
