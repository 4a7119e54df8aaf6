package report

import (
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// plot is where the bars of a panel are drawn. It ends where the longest bar's
// value still fits beside it.
type plot struct {
	axis
	values unit
	right  float64
}

func newPlot(p panel) plot {
	u := unitOf(p.metric.Unit)
	pl := plot{axis: newAxis(p.values(), u), values: u, right: plotRight}
	for _, g := range p.groups {
		for _, b := range g.bars {
			pl.right = min(pl.right, figureWidth-margin/2-valueGap-textWidth(pl.label(b.stat), valueSize))
		}
	}
	return pl
}

func (pl plot) across(pos float64) float64 { return plotLeft + pos*(pl.right-plotLeft) }

// scaleOf writes a linear axis's values at its own scale.
func (pl plot) scaleOf(s stat) scale {
	if pl.log {
		return pl.values.scaleFor(s.median)
	}
	return pl.values.scaleBeside(s.median, pl.hi)
}

func (pl plot) label(s stat) string { return pl.scaleOf(s).format(s.median) }

// drawPanel draws a panel whose title stands at y, and says where it ends.
func drawPanel(s *svg, p panel, y float64) float64 {
	pl := newPlot(p)
	better := "shorter is better"
	if p.metric.Higher {
		better = "longer is better"
	}
	s.text(margin, y, "panel", clip(p.metric.Title+": "+better, 13, figureWidth-2*margin))

	top := y + 12
	bottom := top + groupGap/2
	for _, g := range p.groups {
		bottom += g.height() + groupGap
	}
	bottom -= groupGap / 2
	pl.drawAxis(s, p.metric, top, bottom)
	y = top + groupGap/2
	for _, g := range p.groups {
		pl.drawGroup(s, g, y)
		y += g.height() + groupGap
	}
	s.line(plotLeft, top, plotLeft, bottom, "base")
	return bottom + 36
}

// values are all that the axis must hold.
func (p panel) values() []float64 {
	var out []float64
	for _, g := range p.groups {
		for _, b := range g.bars {
			if b.stat.n > 0 {
				out = append(out, b.stat.lowest, b.stat.highest)
			}
		}
	}
	return out
}

// drawAxis draws the grid and labels as many ticks as fit.
func (pl plot) drawAxis(s *svg, m suite.Metric, top, bottom float64) {
	end := 0.0 // of the last label
	for _, t := range pl.ticks {
		x := pl.across(t.pos)
		s.line(x, top, x, bottom, "grid")
		half := textWidth(t.label, tickSize) / 2
		if x-half < end+6 {
			continue
		}
		s.text(x, bottom+15, "tick", t.label)
		end = x + half
	}
	label := m.Title
	switch {
	case pl.log: // its ticks name their units
		label += ", logarithmic scale"
	case pl.unit != "":
		label += " [" + pl.unit[1:] + "]"
	}
	s.text((plotLeft+pl.right)/2, bottom+33, "axis", clip(label, 12, pl.right-plotLeft))
}

// drawGroup puts the label and the bars on a common middle.
func (pl plot) drawGroup(s *svg, g group, y float64) {
	middle := y + g.height()/2
	first := middle - float64(len(g.label)-1)*labelPitch/2 + 4.4
	for i, line := range g.label {
		s.text(plotLeft-12, first+float64(i)*labelPitch, "group", line)
	}
	y = middle - float64(len(g.bars))*barPitch/2 + (barPitch-barHeight)/2
	for _, b := range g.bars {
		pl.drawBar(s, g, b, y)
		y += barPitch
	}
}

func (pl plot) drawBar(s *svg, g group, b bar, y float64) {
	baseline := y + barHeight/2 + 4
	if b.stat.n == 0 {
		s.text(plotLeft+6, baseline, "absent", title(b.system)+": "+b.absent)
		return
	}
	at := pl.scaleOf(b.stat)
	s.add(`<g><title>%s</title>`, xmlText(fmt.Sprintf("%s, %s: %s (%s), rounds: %d", title(b.system), g.title,
		at.format(b.stat.median), at.interval(b.stat.lowest, b.stat.highest), b.stat.n)))
	s.rect(plotLeft, y, pl.across(pl.at(b.stat.median))-plotLeft, barHeight, fmt.Sprintf(`fill="%s"`, colour(b.system)))
	left, right := pl.across(pl.at(b.stat.lowest)), pl.across(pl.at(b.stat.highest))
	if right-left >= 1 {
		drawWhisker(s, left, right, y+barHeight/2)
	}
	class := "value"
	if b.system == suite.Eventnode {
		class = "own"
	}
	s.text(right+valueGap, baseline, class, pl.label(b.stat))
	s.add(`</g>`)
}

// drawWhisker has a light edge, or it would not be seen on a dark bar.
func drawWhisker(s *svg, left, right, y float64) {
	path := fmt.Sprintf("M%s %sV%sM%s %sV%sM%s %sH%s", px(left), px(y-4), px(y+4), px(right), px(y-4), px(y+4), px(left), px(y), px(right))
	s.add(`<path d="%s" class="halo"/><path d="%s" class="whisker"/>`, path, path)
}
