package dispatch

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// register offers the counters of Stats to Prometheus. They are read when they
// are scraped: the path of an event does not know of them.
func (d *Dispatcher) register(to prometheus.Registerer) error {
	if to == nil {
		return nil
	}
	counter := func(name, help string, read func(Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "eventnode", Subsystem: "dispatch", Name: name, Help: help},
			func() float64 { return float64(read(d.Stats())) })
	}
	gauge := func(name, help string, read func(Stats) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "eventnode", Subsystem: "dispatch", Name: name, Help: help},
			func() float64 { return float64(read(d.Stats())) })
	}
	for _, c := range []prometheus.Collector{
		gauge("subscriptions", "Subscriptions on this node.", func(s Stats) int { return s.Subscriptions }),
		gauge("topics", "Topics with interest, here or elsewhere.", func(s Stats) int { return s.Topics }),
		counter("accepted_total", "Events taken from publishers of this node.", func(s Stats) uint64 { return s.Accepted }),
		counter("refused_total", "Events refused to publishers of this node.", func(s Stats) uint64 { return s.Refused }),
		counter("received_total", "Events from other nodes.", func(s Stats) uint64 { return s.Received }),
		counter("sent_total", "Events given to links, once a node.", func(s Stats) uint64 { return s.Sent }),
		counter("delivered_total", "Events put into queues, once a subscription.", func(s Stats) uint64 { return s.Delivered }),
		counter("dropped_total", "Events dropped by queues, once a subscription.", func(s Stats) uint64 { return s.Dropped }),
	} {
		if err := to.Register(c); err != nil {
			return fmt.Errorf("dispatch: register metric: %w", err)
		}
	}
	return nil
}
