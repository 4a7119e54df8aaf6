package chat

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Hub.
type metrics struct {
	dispatched, delivered, presences, listChanges prometheus.Counter
	ended, failures, moves                        *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "eventnode", Subsystem: "chat", Name: name, Help: help}
	}
	m := &metrics{
		dispatched:  prometheus.NewCounter(opts("dispatched_total", "Events that were dispatched at this node.")),
		delivered:   prometheus.NewCounter(opts("delivered_total", "Events put into the logs of sessions of this node, each session counted.")),
		presences:   prometheus.NewCounter(opts("presences_total", "Presences of users that changed, as others see them.")),
		listChanges: prometheus.NewCounter(opts("list_changes_total", "Changes of member lists that sessions of this node were told.")),
		ended:       prometheus.NewCounterVec(opts("ended_total", "Sessions that the hub forgot, by reason: ended, expired, closed, moved."), []string{"reason"}),
		failures:    prometheus.NewCounterVec(opts("failures_total", "What could not be done, by what: announce, call, behind, lazy."), []string{"what"}),
		moves:       prometheus.NewCounterVec(opts("moves_total", "Sessions that were asked of other nodes, by result: ok, refused, failed."), []string{"result"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.dispatched, m.delivered, m.presences, m.listChanges, m.ended, m.failures, m.moves} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
