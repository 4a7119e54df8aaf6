package snapshot

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts. A nil Registerer leaves it counting for nobody.
type metrics struct {
	reg                               prometheus.Registerer
	taken, sent, received, installed  prometheus.Counter
	sendFailed, receiveFailed, busy   prometheus.Counter
	takeFailed, sentBytes, recvdBytes prometheus.Counter
	sending                           prometheus.Gauge
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "eventnode", Subsystem: "snapshot", Name: name, Help: help,
	})
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		reg:           reg,
		taken:         counter("taken_total", "Local snapshots taken."),
		takeFailed:    counter("take_failed_total", "Local snapshots that failed, so that the log was not cut."),
		sent:          counter("sent_total", "Snapshots streamed to their end."),
		sentBytes:     counter("sent_bytes_total", "Bytes of snapshots streamed to peers."),
		sendFailed:    counter("send_failed_total", "Snapshots not streamed to their end."),
		busy:          counter("send_refused_total", "Snapshots not begun because as many were being sent as may be."),
		received:      counter("received_total", "Snapshots received whole."),
		recvdBytes:    counter("received_bytes_total", "Bytes of snapshots received."),
		receiveFailed: counter("receive_failed_total", "Snapshots refused, or not received to their end."),
		installed:     counter("installed_total", "Received snapshots that became the state."),
		sending: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "eventnode", Subsystem: "snapshot", Name: "sending", Help: "Snapshots being sent now.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range m.all() {
		if err := reg.Register(c); err != nil {
			m.unregister()
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.taken, m.takeFailed, m.sent, m.sentBytes, m.sendFailed, m.busy,
		m.received, m.recvdBytes, m.receiveFailed, m.installed, m.sending,
	}
}

// unregister makes room for the same store, opened again.
func (m *metrics) unregister() {
	if m.reg == nil {
		return
	}
	for _, c := range m.all() {
		m.reg.Unregister(c)
	}
}
