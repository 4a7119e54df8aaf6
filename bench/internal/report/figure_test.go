package report

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// box is a text's place on a figure.
type box struct {
	left, right, top, bottom float64
	text                     string
}

// boxes reads the texts of a figure, with the sizes that its style gives them.
func boxes(t *testing.T, svg []byte) (all []box, height float64) {
	t.Helper()
	var doc struct {
		Height float64 `xml:"height,attr"`
		Texts  []struct {
			X     float64 `xml:"x,attr"`
			Y     float64 `xml:"y,attr"`
			Class string  `xml:"class,attr"`
			Text  string  `xml:",chardata"`
		} `xml:"text"`
		Groups []struct {
			Texts []struct {
				X    float64 `xml:"x,attr"`
				Y    float64 `xml:"y,attr"`
				Text string  `xml:",chardata"`
			} `xml:"text"`
		} `xml:"g"`
	}
	if err := xml.Unmarshal(svg, &doc); err != nil {
		t.Fatal(err)
	}
	add := func(x, y, size, shift float64, s string) {
		w := textWidth(s, size)
		all = append(all, box{x - shift*w, x + (1-shift)*w, y - 0.8*size, y + 0.2*size, s})
	}
	sizes := map[string]float64{"title": 18, "panel": 13, "legend": 12, "axis": 12, "group": labelSize, "tick": tickSize, "absent": 11}
	shifts := map[string]float64{"axis": 0.5, "tick": 0.5, "group": 1}
	for _, x := range doc.Texts {
		if sizes[x.Class] == 0 {
			t.Fatalf("text of class %q", x.Class)
		}
		add(x.X, x.Y, sizes[x.Class], shifts[x.Class], x.Text)
	}
	for _, g := range doc.Groups {
		for _, x := range g.Texts {
			add(x.X, x.Y, 11, 0, x.Text)
		}
	}
	return all, doc.Height
}

func wantApart(t *testing.T, svg []byte) {
	t.Helper()
	all, height := boxes(t, svg)
	for i, a := range all {
		if a.left < 0 || a.right > figureWidth || a.top < 0 || a.bottom > height {
			t.Errorf("%q leaves the figure: %+v", a.text, a)
		}
		for _, b := range all[:i] {
			if a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
				t.Errorf("%q and %q overlap", a.text, b.text)
			}
		}
	}
}

// No text lies on another or leaves the figure: the fixture, and made-up
// sections of any size and range.
func TestLabelsDoNotOverlap(t *testing.T) {
	for _, s := range sectionsOf(fixtureWorkloads()) {
		wantApart(t, figure(s, fixtureResults()))
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		s, r := randomSection(rng)
		wantApart(t, figure(s, r))
		if t.Failed() {
			t.Fatalf("seed %d: %+v", seed, s)
		}
	}
}

func randomSection(rng *rand.Rand) (section, *suite.Results) {
	metrics := []suite.Metric{rate, cpu, p50, perEach, {Name: "long", Title: strings.Repeat("A metric with a long title ", 8), Unit: "deliveries of events/s"}}
	s, r := section{name: strings.Repeat("Section ", 1+rng.IntN(12))}, new(suite.Results)
	biggest := rng.IntN(13)
	for i := range 1 + rng.IntN(6) {
		w := suite.Workload{ID: fmt.Sprint(i), Title: strings.Repeat("work load ", 1+rng.IntN(20)), Metrics: []suite.Metric{metrics[rng.IntN(len(metrics))]}}
		for _, system := range order[:1+rng.IntN(len(order))] {
			w.Runners = append(w.Runners, suite.NamedRunner{System: system})
			for range rng.IntN(4) {
				sample := suite.Sample{Workload: w.ID, System: system, Failed: "lost"}
				if rng.IntN(8) > 0 {
					v := rng.Float64()
					for range rng.IntN(biggest + 1) {
						v *= 10
					}
					sample.Failed, sample.Values = "", map[string]float64{w.Metrics[0].Name: v}
				}
				r.Samples = append(r.Samples, sample)
			}
		}
		s.workloads = append(s.workloads, w)
	}
	return s, r
}

// A legend of many systems goes on in the next line rather than beyond the edge.
func TestLegendWraps(t *testing.T) {
	var p panel
	for _, s := range order {
		p.groups = append(p.groups, group{bars: []bar{{system: s}}})
	}
	s := new(svg)
	if y := drawLegend(s, []panel{p}, 70); y <= 70 {
		t.Errorf("the last line stands at %v, as the first", y)
	}
	for line := range strings.Lines(s.String()) {
		var x float64
		if _, after, found := strings.Cut(line, `<text x="`); found {
			if _, err := fmt.Sscanf(after, "%g", &x); err != nil || x < margin || x > figureWidth-margin {
				t.Errorf("out of the figure: %s", line)
			}
		}
	}
}
