package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// page writes benchmarks.md: what was promised first, then how it was measured,
// then the figures.
type page struct {
	strings.Builder
	r      *suite.Results
	notes  notes
	used   map[string]bool // IDs of notes on the page
	strays []string        // workloads that only the samples know
}

func markdown(r *suite.Results, workloads []suite.Workload, kept notes) string {
	p := &page{r: r, notes: kept, used: make(map[string]bool), strays: strays(r, workloads)}
	p.line("<!-- Made from benchmarks/results.json by `make bench`. What stands between two notes markers is")
	p.line("     written by hand and kept; everything else is overwritten. -->")
	p.line("# Benchmarks")
	p.line("")
	p.summary(workloads)
	p.block(general)
	p.method()
	p.machine()
	for _, s := range sectionsOf(workloads) {
		p.section(s)
	}
	p.orphans()
	return p.String()
}

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

func (p *page) row(cells ...string) {
	p.line("| %s |", strings.Join(cells, " | "))
}

// head writes the head of a table; a column whose name ends in ":" is aligned to
// the right.
func (p *page) head(names ...string) {
	titles, rules := make([]string, len(names)), make([]string, len(names))
	for i, name := range names {
		titles[i], rules[i] = strings.TrimSuffix(name, ":"), "---"
		if titles[i] != name {
			rules[i] = "---:"
		}
	}
	p.row(titles...)
	p.line("|%s|", strings.Join(rules, "|"))
}

func (p *page) block(id string) {
	p.used[id] = true
	p.WriteString(p.notes.block(id))
	p.line("")
}

func (p *page) summary(workloads []suite.Workload) {
	count := make(map[outcome]int)
	var rows [][]string
	for _, w := range workloads {
		s := samplesOf(p.r, w.ID)
		for _, t := range w.Targets {
			v := judge(w, t, p.r, s)
			count[v.outcome]++
			rows = append(rows, targetRow(w, t, v))
		}
	}
	if len(rows) == 0 {
		p.line("There are no targets.\n")
		return
	}
	p.line("Of %d targets %d are met, %d are missed and %d could not be measured. A ratio is eventnode's median",
		len(rows), count[met], count[missed], count[unmeasured])
	p.line("divided by the peer's; both ran in the same rounds on the same machine.\n")
	p.head("workload", "metric", "eventnode:", "peer:", "ratio:", "target:", "result")
	for _, cells := range rows {
		p.row(cells...)
	}
	p.line("")
}

func targetRow(w suite.Workload, t suite.Target, v verdict) []string {
	u := unitOf(v.metric.Unit)
	own, peer, quotient := none, none, none
	largest := max(v.own.median, v.peer.median)
	if v.own.n > 0 {
		own = u.scaleBeside(v.own.median, largest).format(v.own.median)
	}
	if v.peer.n > 0 {
		peer = title(t.System) + " " + u.scaleBeside(v.peer.median, largest).format(v.peer.median)
	}
	bound := u.short(t.Ratio)
	if t.System != "" {
		bound = trimmed(t.Ratio) + " × " + title(t.System)
	}
	if q, ok := ratio(v.own, v.peer); ok {
		quotient = digits(q)
	}
	sign := "≤ "
	if v.metric.Higher {
		sign = "≥ "
	}
	return []string{fmt.Sprintf("[%s](#%s)", cell(w.Title), anchor(w.ID)), cell(v.metric.Title),
		own, peer, quotient, sign + bound, cell(v.String())}
}

func (p *page) section(s section) {
	p.line("## %s\n", s.name)
	if drawable(s, p.r) {
		p.line("![%s: medians, with lowest and highest round](benchmarks/%s)\n", s.name, s.file())
	}
	for _, w := range s.workloads {
		p.workload(w)
	}
}

func (p *page) workload(w suite.Workload) {
	s := samplesOf(p.r, w.ID)
	p.line("<a id=\"%s\"></a>", anchor(w.ID))
	p.line("### %s\n", text(w.Title))
	p.line("`%s`\n", w.ID)
	switch {
	case len(s) == 0:
		p.line("Not measured yet.\n")
	default:
		p.table(w, s)
		p.failures(w, s)
	}
	p.block(w.ID)
}

// orphans keep the notes about workloads that are gone.
func (p *page) orphans() {
	ids := p.notes.others(p.used)
	if len(ids) == 0 {
		return
	}
	p.line("## Notes on workloads that are no longer measured\n")
	for _, id := range ids {
		p.line("`%s`\n", id)
		p.block(id)
	}
}

// strays are workloads with samples that nobody defines any more.
func strays(r *suite.Results, workloads []suite.Workload) []string {
	ids := make(map[string]bool)
	for _, s := range r.Samples {
		ids[s.Workload] = true
	}
	for _, w := range workloads {
		delete(ids, w.ID)
	}
	return slices.Sorted(maps.Keys(ids))
}

// none is an empty cell.
const none = "–"

func metricTitle(m suite.Metric) string {
	if m.Higher {
		return cell(m.Title) + " (more is better)"
	}
	return cell(m.Title) + " (less is better)"
}

// text is shown as it is: it opens no tag and no comment.
func text(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// cell is text that does not end its cell.
func cell(s string) string {
	return strings.ReplaceAll(text(oneLine(s)), "|", `\|`)
}

// anchor is a workload's place on the page.
func anchor(id string) string { return "workload-" + slug(id) }
