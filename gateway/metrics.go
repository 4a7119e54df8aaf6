package gateway

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Gateway.
type metrics struct {
	connections                        prometheus.Gauge
	refused, closes, identifies        *prometheus.CounterVec
	resumes, received, limited         *prometheus.CounterVec
	bytesOut, missed, unsent, lost, io prometheus.Counter
	unlogged                           prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	const ns, sub = "eventnode", "gateway"
	var all []prometheus.Collector
	counters := func(name, label, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, []string{label})
		all = append(all, c)
		return c
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
		all = append(all, c)
		return c
	}
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: "connections", Help: "Connections of clients, with and without a session."}),
		refused:     counters("refused_total", "reason", "Connections that were not taken: max_connections, not_accepting, no_websocket."),
		closes:      counters("closes_total", "code", "Connections that ended, by close code, whoever closed; 1006 without one."),
		identifies:  counters("identifies_total", "result", "IDENTIFY, by what became of it: ok, or why not."),
		resumes:     counters("resumes_total", "result", "RESUME, by what became of it: ok, or why not."),
		received:    counters("received_total", "op", "Messages of clients, by opcode."),
		limited:     counters("limited_total", "limit", "What a limit refused or dropped: messages, presences, identify, sessions, payload."),
		bytesOut:    counter("sent_bytes_total", "Bytes written to clients, with headers."),
		io:          counter("writes_total", "Writes to clients: each holds what there was to write."),
		missed:      counter("heartbeats_missed_total", "Connections that were closed for want of a heartbeat."),
		unsent:      counter("unencodable_total", "Events that could not be encoded, and were left out."),
		lost:        counter("missing_events_total", "Events that sessions could not be given, for their logs did not reach back."),
		unlogged:    counter("unlogged_total", "Log lines that were left out because there were too many."),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range append(all, m.connections) {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
