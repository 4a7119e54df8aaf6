package report

import (
	"slices"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// section is a chapter of the page and has one figure.
type section struct {
	name      string
	workloads []suite.Workload
}

// sectionsOf keeps the order in which workloads first name them.
func sectionsOf(workloads []suite.Workload) []section {
	var out []section
	for _, w := range workloads {
		i := slices.IndexFunc(out, func(s section) bool { return s.name == w.Section })
		if i < 0 {
			i = len(out)
			out = append(out, section{name: w.Section})
		}
		out[i].workloads = append(out[i].workloads, w)
	}
	return out
}

// file is the name of the section's plot.
func (s section) file() string { return slug(s.name) + ".svg" }

// slug keeps letters and digits, in lower case, and a hyphen for what is between.
func slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}
