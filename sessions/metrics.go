package sessions

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Manager.
type metrics struct {
	sessions, detached prometheus.Gauge
	attached           *prometheus.CounterVec
	ended              *prometheus.CounterVec
	refused            *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	const ns, sub = "eventnode", "sessions"
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
	}
	counter := func(name, label, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		sessions: gauge("sessions", "Sessions of this node, with and without a socket."),
		detached: gauge("detached", "Those of them without a socket."),
		attached: counter("attaches_total", "result", "Sockets that asked for a session, by what became of it: ok, attached, ahead, gap, closed."),
		ended:    counter("ended_total", "reason", "Sessions that have ended, by reason: ended, expired, closed, moved."),
		refused:  counter("refused_total", "reason", "Sessions that were not opened: max_sessions, max_per_user, not_accepting, there, closed."),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.sessions, m.detached, m.attached, m.ended, m.refused} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// attach counts what became of a socket.
func (m *metrics) attach(err error) {
	result := "ok"
	_, gap := errors.AsType[*GapError](err)
	switch {
	case errors.Is(err, ErrAttached):
		result = "attached"
	case errors.Is(err, ErrAhead):
		result = "ahead"
	case gap:
		result = "gap"
	case err != nil:
		result = "closed"
	}
	m.attached.WithLabelValues(result).Inc()
}
