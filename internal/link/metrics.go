package link

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// collector reads the links' numbers when metrics are asked for: nothing is
// counted twice on the hot path.
type collector struct{ l *Links }

var _ prometheus.Collector = collector{}

// perPeer are the metrics with a label node.
func perPeer() map[string]metric[State] {
	return map[string]metric[State]{
		"up":                   {prometheus.GaugeValue, "1 while the outgoing link is up, stalled or not.", isUp},
		"queued_bytes":         {prometheus.GaugeValue, "Bytes that wait in the lanes.", func(s State) float64 { return float64(s.QueuedBytes) }},
		"frames_total":         {prometheus.CounterValue, "Frames handed over to the connection.", func(s State) float64 { return float64(s.Frames) }},
		"sent_bytes_total":     {prometheus.CounterValue, "Bytes of those frames.", func(s State) float64 { return float64(s.Bytes) }},
		"events_total":         {prometheus.CounterValue, "Events in those frames.", func(s State) float64 { return float64(s.Events) }},
		"dropped_events_total": {prometheus.CounterValue, "Events dropped before they were handed over.", func(s State) float64 { return float64(s.Dropped) }},
		"lost_frames_total":    {prometheus.CounterValue, "Frames handed over that never arrived.", func(s State) float64 { return float64(s.LostFrames) }},
		"refused_exchanges_total": {prometheus.CounterValue, "Group-table messages refused because the queue was full.",
			func(s State) float64 { return float64(s.ExchangesRefused) }},
	}
}

// overall are the metrics of all links together.
func overall() map[string]metric[*totals] {
	return map[string]metric[*totals]{
		"stalls_total":             {prometheus.CounterValue, "Lanes that stood still.", func(t *totals) float64 { return float64(t.stalls.Load()) }},
		"gaps_total":               {prometheus.CounterValue, "Gaps of unknown size told to this node.", func(t *totals) float64 { return float64(t.gaps.Load()) }},
		"unknown_messages_total":   {prometheus.CounterValue, "Control messages of unknown kinds.", func(t *totals) float64 { return float64(t.unknown.Load()) }},
		"refused_handshakes_total": {prometheus.CounterValue, "Handshakes of callers that failed.", func(t *totals) float64 { return float64(t.handshakesRefused.Load()) }},
	}
}

type metric[T any] struct {
	kind  prometheus.ValueType
	help  string
	value func(T) float64
}

func isUp(s State) float64 {
	if s.Phase == PhaseUp || s.Phase == PhaseStalled {
		return 1
	}
	return 0
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("eventnode_link_"+name, help, labels, nil)
}

// Describe names the metrics.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for name, m := range perPeer() {
		ch <- desc(name, m.help, "node")
	}
	for name, m := range overall() {
		ch <- desc(name, m.help)
	}
}

// Collect reads them.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	states := c.l.States()
	metrics := perPeer()
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		m := metrics[name]
		d := desc(name, m.help, "node")
		for _, s := range states {
			ch <- constant(d, m.kind, m.value(s), strings.ToValidUTF8(string(s.Ref.ID), "?"))
		}
	}
	for name, m := range overall() {
		ch <- constant(desc(name, m.help), m.kind, m.value(&c.l.counters))
	}
}

// constant is a metric, or the reason why it is none.
func constant(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) prometheus.Metric {
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return m
}
