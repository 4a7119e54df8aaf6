package report

import (
	"math"
	"strconv"
	"strings"
)

// unit is how the values of a metric are written: times in ns to s, bytes in B
// to TiB, everything else with k, M or G before its unit.
type unit struct {
	// steps are the prefixed names, each base times the one before.
	steps []string
	base  float64
	// factor turns a value into the first step.
	factor float64
	// tail follows the step: "/s" in "1.2 MiB/s", " per join" in "3 µs per join".
	tail string
}

// unitOf reads a metric's unit, such as "µs", "B", "events/s", "B per member".
func unitOf(name string) unit {
	head, tail := name, ""
	if i := strings.IndexAny(name, "/ "); i >= 0 {
		head, tail = name[:i], name[i:]
	}
	times, sizes := []string{"ns", "µs", "ms", "s"}, []string{"B", "KiB", "MiB", "GiB", "TiB"}
	switch head {
	case "us", "μs": // the second is a Greek letter, the usual one a sign
		head = "µs"
	case "bytes":
		head = "B"
	}
	for i, step := range times {
		if head == step {
			return unit{steps: times, base: 1000, factor: math.Pow(1000, float64(i)), tail: tail}
		}
	}
	for i, step := range sizes {
		if head == step {
			return unit{steps: sizes, base: 1024, factor: math.Pow(1024, float64(i)), tail: tail}
		}
	}
	if head != "" {
		tail = " " + name
	}
	return unit{steps: []string{"", "k", "M", "G"}, base: 1000, factor: 1, tail: tail}
}

// scale is a step of a unit: what a value is divided by, and what follows it.
type scale struct {
	divisor float64
	suffix  string
}

// scale gives "M/s" its space, and "M events/s" both.
func (u unit) scale(step int) scale {
	suffix := u.steps[step] + u.tail
	if suffix != "" && suffix[0] != ' ' {
		suffix = " " + suffix
	}
	return scale{divisor: math.Pow(u.base, float64(step)) / u.factor, suffix: suffix}
}

// scaleFor is the largest step that leaves v at 1 or more once it is rounded; 0
// stays in the metric's own.
func (u unit) scaleFor(v float64) scale {
	best := u.scale(0)
	for step := range u.steps {
		s := u.scale(step)
		if v == 0 && s.divisor <= 1 || math.Abs(v)/s.divisor >= 0.9995 {
			best = s
		}
	}
	return best
}

// scaleBeside is the scale of largest, so that figures below each other compare
// at a glance, unless v is less than a tenth there.
func (u unit) scaleBeside(v, largest float64) scale {
	if common := u.scaleFor(largest); math.Abs(v)/common.divisor >= 0.1 {
		return common
	}
	return u.scaleFor(v)
}

// format writes three digits: "1.24 M/s", "56.0 µs", "3.10 GiB".
func (u unit) format(v float64) string { return u.scaleFor(v).format(v) }

func (s scale) format(v float64) string { return digits(v/s.divisor) + s.suffix }

// interval writes "1.20 .. 1.31 M/s".
func (s scale) interval(lowest, highest float64) string {
	return digits(lowest/s.divisor) + " .. " + digits(highest/s.divisor) + s.suffix
}

// short writes a round value without zeros behind the point: "60 B".
func (u unit) short(v float64) string {
	s := u.scaleFor(v)
	return trimmed(v/s.divisor) + s.suffix
}

// digits rounds to three digits; below 0.1 it leaves out zeros at the end.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a < 0.09995:
		return trimmed(v)
	case a < 0.9995:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case a < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
}

func trimmed(v float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil || math.Abs(v) >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// percent writes a share, 0.14 as "14 %".
func percent(share float64) string {
	switch p := share * 100; {
	case p == 0:
		return "0 %"
	case p < 0.1:
		return "under 0.1 %"
	case p < 9.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
}
