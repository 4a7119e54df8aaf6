package report

import (
	"math"
)

// logFrom is the factor between the values of a plot from which its axis is
// logarithmic: short bars could not be told apart.
const logFrom = 50

// tick is a line of the grid; pos is its place on the axis, 0 to 1.
type tick struct {
	pos   float64
	label string
}

// axis maps values to 0 to 1.
type axis struct {
	log    bool
	lo, hi float64
	ticks  []tick
	// unit is that of labels which are bare numbers, for the axis's title.
	unit string
}

// newAxis covers values, which are not negative. On a linear axis the bars begin
// at 0; on a logarithmic one at a power below the lowest value, since there is
// no 0.
func newAxis(values []float64, u unit) axis {
	lowest, highest := math.Inf(1), 0.0
	for _, v := range values {
		highest = max(highest, v)
		if v > 0 {
			lowest = min(lowest, v)
		}
	}
	if highest > logFrom*lowest {
		return logAxis(lowest, highest, u)
	}
	return linearAxis(highest, u)
}

func linearAxis(highest float64, u unit) axis {
	if highest == 0 {
		highest = 1
	}
	s := u.scaleFor(highest)
	step := niceStep(highest / s.divisor)
	n := int(math.Ceil(highest/s.divisor/step - 1e-9))
	a := axis{hi: float64(n) * step * s.divisor, unit: s.suffix}
	for i := range n + 1 {
		a.ticks = append(a.ticks, tick{float64(i) / float64(n), trimmed(float64(i) * step)})
	}
	return a
}

// niceStep divides 0 to v into 3 to 7 steps of 1, 2 or 5 times a power of ten.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v/5)))
	for _, m := range []float64{1, 2, 5} {
		if v/(m*power) <= 7 {
			return m * power
		}
	}
	return 10 * power
}

// logAxis has a tick at 1, 10 and 100 of each of the unit's steps, so that sizes
// read 100 KiB and 1 MiB.
func logAxis(lowest, highest float64, u unit) axis {
	a := axis{log: true}
	first, last := rungBelow(lowest, u), rungBelow(highest, u)
	if rung(first, u)*1.5 > lowest {
		first-- // or the shortest bar could not be seen
	}
	if rung(last, u) < highest {
		last++
	}
	a.lo, a.hi = rung(first, u), rung(last, u)
	for i := first; i <= last; i++ {
		a.ticks = append(a.ticks, tick{a.at(rung(i, u)), u.short(rung(i, u))})
	}
	return a
}

// rung is the i-th tick of a logarithmic axis in the metric's unit; the 0th is 1
// of the unit's first step.
func rung(i int, u unit) float64 {
	step, within := i/3, i%3
	if within < 0 {
		step, within = step-1, within+3
	}
	return math.Pow(u.base, float64(step)) * math.Pow(10, float64(within)) / u.factor
}

// rungBelow is the highest rung not above v.
func rungBelow(v float64, u unit) int {
	i := int(math.Log10(v*u.factor)) + 2
	for rung(i, u) > v {
		i--
	}
	return i
}

// at places a value; what lies outside is put on the edge.
func (a axis) at(v float64) float64 {
	pos := (v - a.lo) / (a.hi - a.lo)
	if a.log {
		pos = math.Log(max(v, a.lo)/a.lo) / math.Log(a.hi/a.lo)
	}
	return min(max(pos, 0), 1)
}
