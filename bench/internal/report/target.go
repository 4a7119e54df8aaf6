package report

import (
	"fmt"
	"math"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// outcome is what became of a target.
type outcome int

const (
	unmeasured outcome = iota
	missed
	met
)

// verdict is one line of the summary.
type verdict struct {
	metric    suite.Metric
	own, peer stat
	value     float64 // what is compared with the target
	outcome   outcome
	margin    float64 // share of the target between it and value
	why       string  // what else there is to say
}

// judge compares a target with the samples. A target is missed too if a round of
// eventnode failed: it lost events, doubled them or mixed them up.
func judge(w suite.Workload, t suite.Target, r *suite.Results, s samples) verdict {
	v := verdict{metric: metricOf(w, t.Metric), own: s.stat(suite.Eventnode, t.Metric)}
	v.value = v.own.median
	known := v.own.n > 0
	if !known && len(s[suite.Eventnode]) == 0 {
		v.why = absence(w, r, s, suite.Eventnode)
	}
	if t.System != "" {
		v.peer = s.stat(t.System, t.Metric)
		if v.peer.n == 0 && v.why == "" {
			v.why = title(t.System) + " " + absence(w, r, s, t.System)
		}
		if v.value, known = ratio(v.own, v.peer); !known && v.peer.n > 0 && v.own.n > 0 {
			v.why = title(t.System) + "'s median is 0"
		}
	}
	if known {
		v.outcome, v.margin = compare(v.value, t.Ratio, v.metric.Higher)
	}
	if n := len(s.failed(suite.Eventnode)); n > 0 {
		v.outcome = missed
		v.why = fmt.Sprintf("%d of %d rounds failed", n, len(s[suite.Eventnode]))
	}
	return v
}

// compare tells how far value is from its bound, as a share of the bound. It is
// NaN from a bound of 0.
func compare(value, bound float64, higher bool) (outcome, float64) {
	good := value <= bound
	if higher {
		good = value >= bound
	}
	margin := math.NaN()
	if bound != 0 {
		margin = math.Abs(value-bound) / math.Abs(bound)
	}
	if good {
		return met, margin
	}
	return missed, margin
}

// String says it for the table.
func (v verdict) String() string {
	switch {
	case v.outcome == unmeasured:
		return "not measured" + clause(v.why)
	case v.why != "":
		return "**missed**" + clause(v.why)
	case v.outcome == met && (math.IsNaN(v.margin) || v.margin == 0):
		return "met"
	case v.outcome == met:
		return "met, " + percent(v.margin) + " to spare"
	case math.IsNaN(v.margin):
		return "**missed**"
	default:
		return "**missed** by " + percent(v.margin)
	}
}

func clause(why string) string {
	if why == "" || why == "not measured" {
		return ""
	}
	return ": " + why
}

func metricOf(w suite.Workload, name string) suite.Metric {
	for _, m := range w.Metrics {
		if m.Name == name {
			return m
		}
	}
	return suite.Metric{}
}
