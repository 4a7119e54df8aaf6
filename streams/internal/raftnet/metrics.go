package raftnet

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	accepted prometheus.Counter
	refused  *prometheus.CounterVec // by reason
	dials    *prometheus.CounterVec // by result
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "eventnode", Subsystem: "raft", Name: name, Help: help}
	}
	m := &metrics{
		accepted: prometheus.NewCounter(opts("accepted_connections_total",
			"Raft connections that came in and were handed to their replica.")),
		refused: prometheus.NewCounterVec(opts("refused_connections_total",
			"Raft connections that came in and were refused."), []string{"reason"}),
		dials: prometheus.NewCounterVec(opts("dials_total",
			"Raft connections that this node dialled: ok, or why not."), []string{"result"}),
	}
	if r == nil {
		return m, nil
	}
	return m, errors.Join(r.Register(m.accepted), r.Register(m.refused), r.Register(m.dials))
}

// dialled counts how a dial ended.
func (m *metrics) dialled(err error) {
	result := "ok"
	switch {
	case errors.Is(err, ErrUnknownReplica):
		result = "unknown_replica"
	case err != nil:
		result = labelOf(err)
	}
	m.dials.WithLabelValues(result).Inc()
}
