package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"
	"testing/quick"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// naiveMedian removes the lowest and the highest until one or two are left.
func naiveMedian(values []float64) float64 {
	v := append([]float64(nil), values...)
	sort.Float64s(v)
	for len(v) > 2 {
		v = v[1 : len(v)-1]
	}
	if len(v) == 2 {
		return (v[0] + v[1]) / 2
	}
	return v[0]
}

func TestSummarize(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	check := func() bool {
		values := make([]float64, 1+rng.IntN(9))
		for i := range values {
			values[i] = float64(rng.IntN(20)) / 4 // ties too
		}
		original := fmt.Sprint(values)
		s := summarize(values)
		m := naiveMedian(values)
		var away []float64
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, v := range values {
			away = append(away, math.Abs(v-m))
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
		want := stat{n: len(values), median: m, lowest: lo, highest: hi, mad: naiveMedian(away)}
		if s != want {
			t.Logf("%v: got %+v, want %+v", values, s, want)
		}
		return s == want && fmt.Sprint(values) == original
	}
	if err := quick.Check(check, nil); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	if summarize(nil) != (stat{}) {
		t.Error("no values: not zero")
	}
}

func TestRatio(t *testing.T) {
	three, zero := summarize([]float64{3, 1, 9}), summarize([]float64{0, 0})
	if q, ok := ratio(three, summarize([]float64{2, 1})); !ok || q != 2 {
		t.Errorf("3 by 1.5: %v, %v", q, ok)
	}
	if q, ok := ratio(zero, three); !ok || q != 0 {
		t.Errorf("0 by 3: %v, %v", q, ok)
	}
	for _, pair := range [][2]stat{{three, zero}, {three, {}}, {{}, three}} {
		if q, ok := ratio(pair[0], pair[1]); ok {
			t.Errorf("%+v by %+v: %v", pair[0], pair[1], q)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name      string
		higher    bool
		bound     float64
		own, peer []float64
		failed    bool
		want      string
	}{
		{"more is met", true, 3, []float64{8}, []float64{2}, false, "met, 33 % to spare"},
		{"more is missed", true, 5, []float64{8}, []float64{2}, false, "**missed** by 20 %"},
		{"less is met", false, 0.5, []float64{1}, []float64{4}, false, "met, 50 % to spare"},
		{"less is missed", false, 0.5, []float64{3}, []float64{4}, false, "**missed** by 50 %"},
		{"just met", false, 1, []float64{4}, []float64{4}, false, "met"},
		{"missed by a hair", true, 1, []float64{3.9999}, []float64{4}, false, "**missed** by under 0.1 %"},
		{"medians count", true, 3, []float64{1, 6, 6}, []float64{2, 2, 50}, false, "met"},
		{"a round failed", true, 3, []float64{8}, []float64{2}, true, "**missed**: 1 of 2 rounds failed"},
		{"all rounds failed", true, 3, nil, []float64{2}, true, "**missed**: 1 of 1 rounds failed"},
		{"peer is 0", true, 3, []float64{8}, []float64{0}, false, "not measured: NATS's median is 0"},
		{"no peer", true, 3, []float64{8}, nil, false, "not measured: NATS not measured"},
		{"nothing", true, 3, nil, nil, false, "not measured"},
	} {
		m := suite.Metric{Name: "m", Unit: "/s", Higher: c.higher}
		w := suite.Workload{ID: "w", Metrics: []suite.Metric{m}}
		s := make(samples)
		for system, values := range map[suite.System][]float64{suite.Eventnode: c.own, suite.NATS: c.peer} {
			for _, v := range values {
				s[system] = append(s[system], suite.Sample{Values: map[string]float64{"m": v}})
			}
		}
		if c.failed {
			s[suite.Eventnode] = append(s[suite.Eventnode], suite.Sample{Failed: "lost"})
		}
		if got := judge(w, suite.Target{Metric: "m", System: suite.NATS, Ratio: c.bound}, &suite.Results{}, s).String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A target without a peer is about eventnode's own median.
func TestJudgeOwn(t *testing.T) {
	w := suite.Workload{ID: "w", Metrics: []suite.Metric{perEach}}
	s := samples{suite.Eventnode: {{Values: map[string]float64{perEach.Name: 75}}}}
	for bound, want := range map[float64]string{60: "**missed** by 25 %", 100: "met, 25 % to spare", 0: "**missed**"} {
		if got := judge(w, suite.Target{Metric: perEach.Name, Ratio: bound}, &suite.Results{}, s).String(); got != want {
			t.Errorf("bound %v: %q, want %q", bound, got, want)
		}
	}
}
