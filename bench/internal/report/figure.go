package report

import (
	"fmt"
	"slices"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// The measures of a figure in pixels. The page of a code host shows it at full
// width, so the text must do at this size.
const (
	figureWidth = 880.0
	plotLeft    = 250.0 // workloads' titles stand left of it
	plotRight   = 770.0 // values of the longest bars stand right of it
	margin      = 24.0
	barHeight   = 14.0
	barPitch    = 18.0
	groupGap    = 16.0
	labelSize   = 12.5
	labelPitch  = 16.0
	tickSize    = 11.0
	valueSize   = 11.0
	valueGap    = 7.0 // between a bar and its value
)

// bar is one system's result in a workload.
type bar struct {
	system suite.System
	stat   stat
	absent string // why there is no stat
}

// group is a workload's bars.
type group struct {
	label []string
	title string
	bars  []bar
}

func (g group) height() float64 {
	return max(float64(len(g.bars))*barPitch, float64(len(g.label))*labelPitch)
}

// panel shows the workloads of a section whose first metric is the same.
type panel struct {
	metric suite.Metric
	groups []group
}

// panelsOf leaves out workloads without samples, and systems that were skipped:
// the page says so. A system that failed keeps its place.
func panelsOf(s section, r *suite.Results) []panel {
	var out []panel
	for _, w := range s.workloads {
		g := groupOf(w, r)
		if len(g.bars) == 0 || len(w.Metrics) == 0 {
			continue
		}
		m := w.Metrics[0]
		i := slices.IndexFunc(out, func(p panel) bool { return p.metric == m })
		if i < 0 {
			i = len(out)
			out = append(out, panel{metric: m})
		}
		out[i].groups = append(out[i].groups, g)
	}
	return out
}

func groupOf(w suite.Workload, r *suite.Results) group {
	g := group{title: w.Title, label: wrap(w.Title, labelSize, plotLeft-margin-14, 3)}
	if len(w.Metrics) == 0 {
		return g
	}
	s := samplesOf(r, w.ID)
	for _, system := range systemsOf(w, s) {
		if len(s[system]) == 0 {
			continue
		}
		b := bar{system: system, stat: s.stat(system, w.Metrics[0].Name)}
		switch {
		case b.stat.n > 0:
		case s.measured(system):
			b.absent = "not measured"
		default:
			b.absent = absence(w, r, s, system)
		}
		g.bars = append(g.bars, b)
	}
	return g
}

// drawable says whether the section's figure would show anything.
func drawable(s section, r *suite.Results) bool { return len(panelsOf(s, r)) > 0 }

// colour tells systems apart also for those who do not see red and green.
func colour(s suite.System) string {
	switch s {
	case suite.Eventnode:
		return "#0f62ac"
	case suite.NATS:
		return "#f0a430"
	case suite.PG:
		return "#b5548f"
	case suite.Relay:
		return "#98a2ae"
	case suite.JetStreamR3:
		return "#f0a430"
	case suite.JetStreamR3Sync:
		return "#c26d0a"
	case suite.JetStreamR1:
		return "#f7d089"
	case suite.RedisEverysec:
		return "#d98fbd"
	case suite.RedisAlways:
		return "#9c3f75"
	case suite.PostgreSQLLoop, suite.WSLoop:
		return "#98a2ae"
	case suite.WSParallel:
		return "#6b7885"
	default:
		return "#3f9c74"
	}
}

const style = `<style>
text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,"Liberation Sans",sans-serif;fill:#1f2933}
.title{font-size:18px;font-weight:600}
.panel{font-size:13px;font-weight:600}
.legend,.axis{font-size:12px;fill:#52606d}
.group{font-size:12.5px;text-anchor:end}
.tick{font-size:11px;fill:#52606d;text-anchor:middle}
.axis{text-anchor:middle}
.value,.own{font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}
.own{font-weight:700}
.absent{font-size:11px;font-style:italic;fill:#b42318}
.grid{stroke:#e4e7eb}
.base{stroke:#7b8794}
.halo,.whisker{fill:none;stroke:#fff;stroke-width:3.6;stroke-opacity:.75;stroke-linecap:round}
.whisker{stroke:#1f2933;stroke-width:1.3;stroke-opacity:1;stroke-linecap:butt}
</style>`

// figure draws a section. It brings its own white ground, so that it reads in a
// dark viewer too.
func figure(s section, r *suite.Results) []byte {
	panels := panelsOf(s, r)
	body := new(svg)
	y := margin + 18
	for i, line := range wrap(s.name, 18, figureWidth-2*margin, 2) {
		body.text(margin, y+float64(i)*24, "title", line)
		y += float64(i) * 24
	}
	y = drawLegend(body, panels, y+28)
	for _, p := range panels {
		y = drawPanel(body, p, y+34)
	}
	height := y + margin

	out := new(svg)
	out.add(`<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" aria-labelledby="t">`,
		px(figureWidth), px(height), px(figureWidth), px(height))
	out.add(`<title id="t">%s</title>`, xmlText(s.name))
	out.add(style)
	out.rect(0.5, 0.5, figureWidth-1, height-1, `rx="8" fill="#ffffff" stroke="#d5dae0"`)
	out.WriteString(body.String())
	out.add(`</svg>`)
	return []byte(out.String())
}

// drawLegend names the systems of all panels, and what else there is to see. It
// says where its last line stands.
func drawLegend(s *svg, panels []panel, y float64) float64 {
	x := margin
	place := func(width float64) float64 {
		if x > margin && x+width > figureWidth-margin {
			x, y = margin, y+20
		}
		at := x
		x += width + 18
		return at
	}
	for _, system := range shown(panels) {
		at := place(18 + textWidth(title(system), 12))
		s.rect(at, y-10, 12, 12, fmt.Sprintf(`rx="2" fill="%s"`, colour(system)))
		s.text(at+18, y, "legend", title(system))
	}
	const whisker = "lowest to highest round"
	at := place(24 + textWidth(whisker, 12))
	drawWhisker(s, at, at+16, y-4)
	s.text(at+24, y, "legend", whisker)
	return y
}

// shown are the systems of a figure in the order of its legend.
func shown(panels []panel) []suite.System {
	var w suite.Workload
	for _, p := range panels {
		for _, g := range p.groups {
			for _, b := range g.bars {
				w.Runners = append(w.Runners, suite.NamedRunner{System: b.system})
			}
		}
	}
	return systemsOf(w, nil)
}
