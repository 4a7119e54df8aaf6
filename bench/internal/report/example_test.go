package report_test

import (
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/report"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// A run of one workload leaves the figures of the others.
func ExampleMerge() {
	old := &suite.Results{Samples: []suite.Sample{
		{Workload: "fanout/10", System: suite.Eventnode, Values: map[string]float64{"per_second": 1e6}},
		{Workload: "latency", System: suite.Eventnode, Values: map[string]float64{"p50_us": 51}},
	}}
	again := &suite.Results{Samples: []suite.Sample{
		{Workload: "fanout/10", System: suite.Eventnode, Values: map[string]float64{"per_second": 2e6}},
	}}
	for _, s := range report.Merge(old, again).Samples {
		fmt.Println(s.Workload, s.Values)
	}
	// Output:
	// fanout/10 map[per_second:2e+06]
	// latency map[p50_us:51]
}
