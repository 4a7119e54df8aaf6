package fleet

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Fleet.
type metrics struct {
	held                *prometheus.GaugeVec // by state
	restarts            *prometheus.CounterVec
	lost, overdue       prometheus.Counter
	keeps, keepFailures prometheus.Counter
	handedOver, started prometheus.Counter
	identify            prometheus.Observer
}

// register adds a collector to reg, or takes the one that is there: fleets of several
// sources share them.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) (C, error) {
	if reg == nil {
		return c, nil
	}
	err := reg.Register(c)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := there.ExistingCollector.(C); ok {
			return same, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("register metrics: %w", err)
	}
	return c, nil
}

func newMetrics(reg prometheus.Registerer, source string) (*metrics, error) {
	const ns, sub = "eventnode", "fleet"
	var errs []error
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c, err := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, append(labels, "source")))
		errs = append(errs, err)
		return c
	}
	held, err1 := register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: ns, Subsystem: sub, Name: "shards", Help: "Shards of this node, by state: waiting, starting, resuming, connected, restarting, stopping, failed.",
	}, []string{"state", "source"}))
	identify, err2 := register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: ns, Subsystem: sub, Name: "identify_wait_seconds", Help: "How long shards waited until they might open a session.",
		Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
	}, []string{"source"}))
	mine := prometheus.Labels{"source": source}
	m := &metrics{
		restarts:     counter("restarts_total", "Shards that were run again after they had failed, by kind: error, panic, ended.", "kind").MustCurryWith(mine),
		lost:         counter("leases_lost_total", "Leases that could not be kept: the shard's context was ended.").With(mine),
		overdue:      counter("overdue_total", "Shards that did not return in time when their lease was lost: two may have run at once.").With(mine),
		keeps:        counter("keeps_total", "What shards need to go on, as often as it was written.").With(mine),
		keepFailures: counter("keep_failures_total", "Writes of it that failed, and were made again.").With(mine),
		handedOver:   counter("handed_over_total", "Shards that were stopped in good order, with what the next node needs written.").With(mine),
		started:      counter("started_total", "Shards that were opened here.").With(mine),
	}
	if err := errors.Join(append(errs, err1, err2)...); err != nil {
		return nil, err
	}
	m.held, m.identify = held.MustCurryWith(mine), identify.With(mine)
	return m, nil
}
