package consuming

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a Desk counts.
type metrics struct {
	gone prometheus.Counter
}

func newMetrics(to prometheus.Registerer, d *Desk) (*metrics, error) {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "eventnode", Subsystem: "streams", Name: name, Help: help}
	}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts(name, help)), func() float64 {
			d.mu.Lock()
			defer d.mu.Unlock()
			return float64(value())
		})
	}
	m := &metrics{gone: prometheus.NewCounter(prometheus.CounterOpts(opts("consumers_gone_total", "Leases that were ended because their consumer stayed away.")))}
	if to == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.gone,
		gauge("consumers", "Consumers that are here, at the node that leads.", func() int { return d.here }),
		gauge("leases", "Leases that are known here.", func() int { return len(d.leases) }),
		gauge("lock_waiters", "Calls that wait for a lock here.", func() int { return d.parked }),
	} {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("streams: register metric: %w", err)
		}
	}
	return m, nil
}
