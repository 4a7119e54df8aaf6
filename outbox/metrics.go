package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/internal/backoff"
)

const (
	// measureEvery is how often a relay looks how its outbox is.
	measureEvery = 5 * time.Second
	// countUpTo is where it stops to count: to count millions costs the database more
	// than to publish some.
	countUpTo = 100_000
	// purgeEvery and purgeAtOnce bound the removal of what was kept.
	purgeEvery  = 5 * time.Second
	purgeAtOnce = 10_000
)

// metrics of a relay. Those of the outbox itself are measured by every relay, so that
// they are there when none leads; take the greatest.
type metrics struct {
	sent, known, retried, died prometheus.Counter
	errors                     *prometheus.CounterVec
	age                        prometheus.Histogram
	leading                    prometheus.Gauge
	lag, oldest, held, dead    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	const ns, sub = "eventnode", "outbox"
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
	}
	m := &metrics{
		sent:    counter("sent_events_total", "Events that were published and removed from the outbox."),
		known:   counter("known_events_total", "Those of them that the stream had already."),
		retried: counter("retries_total", "Tries of single events that failed and are to be repeated."),
		died:    counter("died_events_total", "Events that were given up."),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: "errors_total",
			Help: "What failed for all events together, by operation: lease, fetch, publish, settle, measure, purge, listen."}, []string{"op"}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: ns, Subsystem: sub, Name: "age_seconds",
			Help:    "How long after they were added events were published and removed.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600}}),
		leading: gauge("leading", "1 while this relay leads."),
		lag:     gauge("lag_events", "Events that are not published yet, counted up to 100,000."),
		oldest:  gauge("oldest_age_seconds", "How long ago the first of them was added."),
		held:    gauge("held_events", "Events that failed and wait to be tried again."),
		dead:    gauge("dead_letters", "Dead letters, counted up to 100,000."),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.sent, m.known, m.retried, m.died, m.errors, m.age, m.leading, m.lag, m.oldest, m.held, m.dead} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// measure keeps the gauges until ctx ends.
func (r *Relay) measure(ctx context.Context) {
	if r.cfg.Registerer == nil {
		return
	}
	for {
		st, err := r.cfg.Store.Stats(ctx, countUpTo)
		if err == nil {
			r.metrics.lag.Set(float64(st.Waiting))
			r.metrics.oldest.Set(st.Oldest.Seconds())
			r.metrics.held.Set(float64(st.Held))
			r.metrics.dead.Set(float64(st.Dead))
		} else if ctx.Err() == nil {
			r.metrics.errors.WithLabelValues("measure").Inc()
		}
		if !backoff.Wait(ctx, measureEvery) {
			return
		}
	}
}

// purge removes, now and then, what was kept for long enough.
func (r *Relay) purge(ctx context.Context) {
	if r.cfg.KeepSent == 0 || time.Since(r.lastPurge) < purgeEvery {
		return
	}
	n, err := r.cfg.Store.Purge(ctx, r.cfg.KeepSent, purgeAtOnce)
	if err != nil && ctx.Err() == nil {
		r.metrics.errors.WithLabelValues("purge").Inc()
		r.cfg.Logger.Warn("outbox: what was sent is not purged", "error", err)
	}
	if n < purgeAtOnce { // else there is more
		r.lastPurge = time.Now()
	}
}
