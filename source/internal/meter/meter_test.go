package meter

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Two users of one registry count together; a metric that is another one is refused, and
// without a registry everybody counts alone.
func TestShared(t *testing.T) {
	reg := prometheus.NewRegistry()
	for range 2 {
		c, err := Counters(reg, "n_total", "N.", "source")
		if err != nil {
			t.Fatal(err)
		}
		c.WithLabelValues("s").Inc()
		if _, err := Gauges(nil, "n_total", "N."); err != nil {
			t.Error(err)
		}
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() != 2 {
		t.Errorf("%v, %v", families, err)
	}
	if _, err := Counters(reg, "n_total", "N.", "other"); err == nil {
		t.Error("other labels are taken")
	}
	if _, err := Gauges(reg, "n_total", "N.", "source"); err == nil {
		t.Error("a gauge is taken for a counter")
	}
}
