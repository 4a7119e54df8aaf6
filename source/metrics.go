package source

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/source/internal/meter"
)

// metrics of a Pipeline.
type metrics struct {
	payloads, events, silent prometheus.Counter
	failures                 *prometheus.CounterVec
	underway                 prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, source string) (*metrics, error) {
	payloads, err1 := meter.Counters(reg, "payloads_total", "Payloads that were taken in.", "source")
	events, err2 := meter.Counters(reg, "events_total", "Events that were derived from them.", "source")
	silent, err3 := meter.Counters(reg, "silent_total", "Payloads that became no event, for nothing has changed.", "source")
	failures, err4 := meter.Counters(reg, "failures_total", "What has failed, by step (cache, derive, dispatch) and kind (error, panic). Handlers count theirs.", "source", "step", "kind")
	underway, err5 := meter.Gauges(reg, "underway", "Payloads that were taken in, and not all of their handlers have returned.", "source")
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
	handled, err1 := meter.Counters(reg, "handled_total", "Events whose handler has returned without an error, by name of the event as registered, * for the default.", "handlers", "event")
	failures, err2 := meter.Counters(reg, "handler_failures_total", "Events whose handler has failed, by name of the event and kind (error, panic, decode).", "handlers", "event", "kind")
	running, err3 := meter.Gauges(reg, "handlers_running", "Events that are being handled.", "handlers")
	waiting, err4 := meter.Gauges(reg, "handlers_waiting", "Events that wait for a handler.", "handlers")
	abandoned, err5 := meter.Counters(reg, "abandoned_total", "Events that no handler was called for, for the end had come.", "handlers")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	mine := prometheus.Labels{"handlers": name}
	return &handlerMetrics{
		handled: handled.MustCurryWith(mine), failures: failures.MustCurryWith(mine),
		running: running.With(mine), waiting: waiting.With(mine), abandoned: abandoned.With(mine),
	}, nil
}
