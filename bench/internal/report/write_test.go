package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

func pageOf(t *testing.T, r *suite.Results, workloads []suite.Workload) string {
	t.Helper()
	dir := t.TempDir()
	if err := Write(dir, r, workloads); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func wantLines(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("missing line: %s", line)
		}
	}
}

// What is absent is said: nothing measured, a skipped system, one that cannot
// run here, one that failed, one that has only other metrics.
func TestAbsence(t *testing.T) {
	w := suite.Workload{
		ID: "x/1", Section: "X", Title: "X, once", Metrics: []suite.Metric{rate, cpu},
		Runners: append(runners(suite.Eventnode, suite.NATS, suite.Relay), suite.NamedRunner{System: suite.PG, Unavailable: "no erl | here"}),
		Targets: []suite.Target{
			{Metric: rate.Name, System: suite.NATS, Ratio: 3}, {Metric: rate.Name, System: suite.PG, Ratio: 3},
			{Metric: rate.Name, System: suite.Relay, Ratio: 1}, {Metric: cpu.Name, System: "other", Ratio: 1},
		},
	}
	page := pageOf(t, &suite.Results{}, []suite.Workload{w})
	wantLines(t, page, "Not measured yet.", "<!-- notes: x/1 -->",
		"Of 4 targets 0 are met, 0 are missed and 4 could not be measured. A ratio is eventnode's median")
	if strings.Contains(page, "![") {
		t.Error("a plot of nothing")
	}

	r := &suite.Results{
		Skipped: map[suite.System]string{suite.NATS: "no\nproxy"},
		Samples: []suite.Sample{
			{Workload: "x/1", System: suite.Eventnode, Round: 1, Values: map[string]float64{rate.Name: 1000}, Note: "a"},
			{Workload: "x/1", System: suite.Eventnode, Round: 2, Values: map[string]float64{rate.Name: 3000}, Note: "b|c"},
			{Workload: "x/1", System: suite.Relay, Round: 1, Failed: "died\n<!-- notes: x/1 -->", Note: "odd"},
			{Workload: "x/1", System: "other", Round: 1, Values: map[string]float64{cpu.Name: 0}},
		},
	}
	page = pageOf(t, r, []suite.Workload{w})
	wantLines(t, page,
		"- NATS was skipped: no proxy",
		`| Deliveries (more is better) | eventnode | 2.00 k/s | 1.00 .. 3.00 k/s | ± 50 % | – | 2 | a; b\|c |`,
		"|  | NATS | – | – | – | – | 0 | skipped |",
		`|  | Erlang pg | – | – | – | – | 0 | not measured: no erl \| here |`,
		"|  | gRPC relay | – | – | – | – | 0 | failed in every round; odd |",
		"| CPU per million deliveries (less is better) | other | 0 s | 0 .. 0 s | – | – | 1 |  |",
		"- gRPC relay failed in round 1: died &lt;!-- notes: x/1 --&gt;",
		`| [X, once](#workload-x-1) | Deliveries | 2.00 k/s | – | – | ≥ 3 × NATS | not measured: NATS skipped |`,
		`| [X, once](#workload-x-1) | Deliveries | 2.00 k/s | – | – | ≥ 3 × Erlang pg | not measured: Erlang pg not measured: no erl \| here |`,
		`| [X, once](#workload-x-1) | Deliveries | 2.00 k/s | – | – | ≥ 1 × gRPC relay | not measured: gRPC relay failed in every round |`,
	)
}

func TestCheck(t *testing.T) {
	good := suite.Workload{ID: "a/1", Section: "A", Metrics: []suite.Metric{rate}}
	bad := map[string]func(w *suite.Workload){
		"taken ID":       func(w *suite.Workload) { w.ID = "a-1" },
		"general's ID":   func(w *suite.Workload) { w.ID = "general" },
		"ID with space":  func(w *suite.Workload) { w.ID = "b 1" },
		"no ID":          func(w *suite.Workload) { w.ID = "" },
		"same plot":      func(w *suite.Workload) { w.Section = "a!" },
		"no section":     func(w *suite.Workload) { w.Section = "" },
		"unknown metric": func(w *suite.Workload) { w.Targets = []suite.Target{{Metric: cpu.Name}} },
	}
	for name, spoil := range bad {
		second := suite.Workload{ID: "b/1", Section: "B", Metrics: []suite.Metric{rate}}
		if err := check([]suite.Workload{good, second}); err != nil {
			t.Fatal(err)
		}
		spoil(&second)
		dir := t.TempDir()
		if Write(dir, &suite.Results{}, []suite.Workload{good, second}) == nil {
			t.Errorf("%s: no error", name)
		}
		if len(files(t, dir)) > 0 {
			t.Errorf("%s: wrote in spite of the error", name)
		}
	}
}
