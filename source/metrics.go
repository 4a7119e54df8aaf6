package source

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

const namespace, subsystem = "eventnode", "source"

// register adds a collector to reg, or takes the one that is there: pipelines of several
// shards count together.
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

func counters(reg prometheus.Registerer, name, help string, labels ...string) (*prometheus.CounterVec, error) {
	return register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels))
}

func gauges(reg prometheus.Registerer, name, help string, labels ...string) (*prometheus.GaugeVec, error) {
	return register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels))
}

// metrics of a Pipeline.
type metrics struct {
	payloads, events, silent prometheus.Counter
	failures                 *prometheus.CounterVec
	underway                 prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, source string) (*metrics, error) {
	payloads, err1 := counters(reg, "payloads_total", "Payloads that were taken in.", "source")
	events, err2 := counters(reg, "events_total", "Events that were derived from them.", "source")
	silent, err3 := counters(reg, "silent_total", "Payloads that became no event, for nothing has changed.", "source")
	failures, err4 := counters(reg, "failures_total", "What has failed, by step (cache, derive, dispatch) and kind (error, panic). Handlers count theirs.", "source", "step", "kind")
	underway, err5 := gauges(reg, "underway", "Payloads that were taken in, and not all of their handlers have returned.", "source")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	mine := prometheus.Labels{"source": source}
	return &metrics{
		payloads: payloads.With(mine), events: events.With(mine), silent: silent.With(mine),
		failures: failures.MustCurryWith(mine), underway: underway.With(mine),
	}, nil
}

// handlerMetrics are those of Handlers.
type handlerMetrics struct {
	handled          *prometheus.CounterVec
	failures         *prometheus.CounterVec
	running, waiting prometheus.Gauge
	abandoned        prometheus.Counter
}

func newHandlerMetrics(reg prometheus.Registerer, name string) (*handlerMetrics, error) {
	handled, err1 := counters(reg, "handled_total", "Events whose handler has returned without an error, by name of the event as registered, * for the default.", "handlers", "event")
	failures, err2 := counters(reg, "handler_failures_total", "Events whose handler has failed, by name of the event and kind (error, panic, decode).", "handlers", "event", "kind")
	running, err3 := gauges(reg, "handlers_running", "Events that are being handled.", "handlers")
	waiting, err4 := gauges(reg, "handlers_waiting", "Events that wait for a handler.", "handlers")
	abandoned, err5 := counters(reg, "abandoned_total", "Events that no handler was called for, for the end had come.", "handlers")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	mine := prometheus.Labels{"handlers": name}
	return &handlerMetrics{
		handled: handled.MustCurryWith(mine), failures: failures.MustCurryWith(mine),
		running: running.With(mine), waiting: waiting.With(mine), abandoned: abandoned.With(mine),
	}, nil
}
