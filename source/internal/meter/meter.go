// Package meter registers metrics of which there may be several users in a process: the
// sources and the shards of one, which count together.
//
// # Guarantees
//
// A metric that is registered already, by the same name and labels, is shared.
//
// # Concurrency
//
// There is no state: everything may be called at once.
//
// # Failure
//
// A metric of the same name with other labels is an error.
//
// # Example
//
//	refused, err := meter.Counters(reg, "refused_total", "What was refused.", "source", "reason")
package meter

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

const namespace, subsystem = "eventnode", "source"

// Counters are counters eventnode_source_NAME; reg may be nil.
func Counters(reg prometheus.Registerer, name, help string, labels ...string) (*prometheus.CounterVec, error) {
	return register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels))
}

// Gauges are gauges eventnode_source_NAME; reg may be nil.
func Gauges(reg prometheus.Registerer, name, help string, labels ...string) (*prometheus.GaugeVec, error) {
	return register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels))
}

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
