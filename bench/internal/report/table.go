package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// table has a row for each metric and system, those of a metric together: they
// are what a reader compares. A system without values is said once, a note
// stands in its system's first row.
func (p *page) table(w suite.Workload, s samples) {
	p.head("metric", "system", "median:", "lowest .. highest:", "deviation:", "eventnode ÷ it:", "rounds:", "note")
	systems := systemsOf(w, s)
	said := make(map[suite.System]bool)
	for i, m := range w.Metrics {
		name := metricTitle(m)
		for _, system := range systems {
			var cells []string
			switch {
			case s.stat(system, m.Name).n > 0:
				cells = figures(m, system, systems, s)
			case i == 0 && !s.measured(system):
				cells = []string{none, none, none, none, "0", cell(absence(w, p.r, s, system))}
			default:
				continue // it has other metrics than this one, or its absence was said
			}
			if note := &cells[len(cells)-1]; !said[system] {
				*note = strings.Trim(*note+"; "+cell(s.note(system)), "; ")
			}
			p.row(append([]string{name, title(system)}, cells...)...)
			said[system], name = true, ""
		}
	}
	p.line("")
}

// figures are the cells of a system that has values; the note is empty.
func figures(m suite.Metric, system suite.System, systems []suite.System, s samples) []string {
	largest := 0.0
	for _, other := range systems {
		largest = max(largest, s.stat(other, m.Name).median)
	}
	v := s.stat(system, m.Name)
	quotient := none
	if q, ok := ratio(s.stat(suite.Eventnode, m.Name), v); ok && system != suite.Eventnode {
		quotient = digits(q)
	}
	at := unitOf(m.Unit).scaleBeside(v.median, largest)
	return []string{at.format(v.median), at.interval(v.lowest, v.highest), deviation(v), quotient, strconv.Itoa(v.n), ""}
}

func deviation(v stat) string {
	if v.n < 2 || v.median == 0 {
		return none
	}
	return "± " + percent(v.mad/v.median)
}

// failures has a line for each reason why a system failed.
func (p *page) failures(w suite.Workload, s samples) {
	found := false
	for _, system := range systemsOf(w, s) {
		var reasons []string
		rounds := make(map[string][]string)
		for _, f := range s.failed(system) {
			why := oneLine(f.Failed)
			if !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
			rounds[why] = append(rounds[why], strconv.Itoa(f.Round))
		}
		for _, why := range reasons {
			plural := ""
			if len(rounds[why]) > 1 {
				plural = "s"
			}
			p.line("- %s failed in round%s %s: %s", title(system), plural, strings.Join(rounds[why], ", "), text(why))
			found = true
		}
	}
	if found {
		p.line("")
	}
}
