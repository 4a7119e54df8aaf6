package durable

import (
	"slices"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Each promise has a metric that is measured and a peer that runs; what writes
// gigabytes or takes minutes runs only on demand; without Redis the others still run.
func TestWorkloads(t *testing.T) {
	targets := 0
	for _, w := range Workloads("no redis") {
		targets += len(w.Targets)
		for _, tt := range w.Targets {
			if !slices.ContainsFunc(w.Metrics, func(m suite.Metric) bool { return m.Name == tt.Metric }) {
				t.Errorf("%s: a target about %s, which it has not", w.ID, tt.Metric)
			}
			if tt.System != "" && !slices.ContainsFunc(w.Runners, func(r suite.NamedRunner) bool { return r.System == tt.System }) {
				t.Errorf("%s: a target beside %s, which does not run it", w.ID, tt.System)
			}
		}
		for _, r := range w.Runners {
			redis := r.System == suite.RedisAlways || r.System == suite.RedisEverysec
			if (r.Unavailable != "") != redis {
				t.Errorf("%s: %s is unavailable: %q", w.ID, r.System, r.Unavailable)
			}
		}
		if w.OnDemand != slices.Contains([]string{"disk/large", "consume/behind", "consume/scale"}, w.ID) {
			t.Errorf("%s: on demand: %v", w.ID, w.OnDemand)
		}
	}
	if targets != 19 {
		t.Errorf("%d targets", targets)
	}
}
