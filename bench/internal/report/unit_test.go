package report

import (
	"math"
	"strings"
	"testing"
)

func TestUnitFormat(t *testing.T) {
	for _, c := range []struct {
		unit  string
		value float64
		want  string
	}{
		{"/s", 1_240_000, "1.24 M/s"},
		{"/s", 812, "812 /s"},
		{"/s", 999_600, "1.00 M/s"},
		{"/s", 999_400, "999 k/s"},
		{"/s", 0, "0 /s"},
		{"events/s", 1_240_000, "1.24 M events/s"},
		{"events/s", 12.34, "12.3 events/s"},
		{"µs", 56, "56.0 µs"},
		{"us", 1500, "1.50 ms"},
		{"ns", 0.25, "0.250 ns"},
		{"ms", 0.0561, "56.1 µs"},
		{"s", 0.31, "310 ms"},
		{"s", 174, "174 s"},
		{"s per million", 0.98, "980 ms per million"},
		{"B", 3.1 * (1 << 30), "3.10 GiB"},
		{"bytes", 60.4, "60.4 B"},
		{"B", 1023, "1023 B"},
		{"B", 1024, "1.00 KiB"},
		{"MiB", 0.5, "512 KiB"},
		{"B/s", 5 << 20, "5.00 MiB/s"},
		{"% of a core", 0.42, "0.420 % of a core"},
		{"%", 0.05, "0.05 %"},
		{"", 3, "3.00"},
		{"", 12_345, "12.3 k"},
		{"/s", -2500, "-2.50 k/s"},
	} {
		if got := unitOf(c.unit).format(c.value); got != c.want {
			t.Errorf("%v %s: %q, want %q", c.value, c.unit, got, c.want)
		}
	}
	for want, got := range map[string]string{
		"60 B": unitOf("B").short(60), "3 s": unitOf("s").short(3), "1 %": unitOf("%").short(1),
		"0.895 M/s": unitOf("/s").scaleBeside(895e3, 4.6e6).format(895e3),
		"10.9 k/s":  unitOf("/s").scaleBeside(10.9e3, 4.6e6).format(10.9e3),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// An axis holds its values, in order, and its labels are few and all different.
func TestAxis(t *testing.T) {
	for _, c := range []struct {
		unit   string
		values []float64
		log    bool
	}{
		{"/s", []float64{1e6, 4e6}, false},
		{"/s", []float64{1e5, 5e6}, false},
		{"/s", []float64{1e5, 5.1e6}, true},
		{"/s", []float64{0, 1e6}, false},
		{"/s", []float64{0, 0}, false},
		{"/s", nil, false},
		{"/s", []float64{1, 1e12}, true},
		{"µs", []float64{0.001, 7e6}, true},
		{"B", []float64{60, 3 << 30}, true},
		{"KiB", []float64{1, 900}, true},
		{"%", []float64{0.0003, 0.9}, true},
		{"s", []float64{1.45, 0.31}, false},
	} {
		a := newAxis(c.values, unitOf(c.unit))
		if a.log != c.log {
			t.Errorf("%v %s: logarithmic %v", c.values, c.unit, a.log)
		}
		for _, v := range c.values {
			if v > 0 && (v < a.lo || v > a.hi*(1+1e-9) || a.at(v) <= 0) {
				t.Errorf("%v %s: %v is outside %v to %v", c.values, c.unit, v, a.lo, a.hi)
			}
		}
		if len(a.ticks) < 2 || len(a.ticks) > 24 || a.ticks[0].pos != 0 || math.Abs(a.ticks[len(a.ticks)-1].pos-1) > 1e-9 {
			t.Errorf("%v %s: ticks %v", c.values, c.unit, a.ticks)
		}
		for i := 1; i < len(a.ticks); i++ {
			if a.ticks[i].pos <= a.ticks[i-1].pos || a.ticks[i].label == a.ticks[i-1].label {
				t.Errorf("%v %s: ticks %v", c.values, c.unit, a.ticks)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	const size, width = 12.0, 150.0
	for _, s := range []string{"", "short", strings.Repeat("words and ", 30), strings.Repeat("x", 200), "8 " + strings.Repeat("W", 50)} {
		lines := wrap(s, size, width, 3)
		if len(lines) > 3 {
			t.Errorf("%q: %d lines", s, len(lines))
		}
		for _, line := range lines {
			if textWidth(line, size) > width {
				t.Errorf("%q: %q is too wide", s, line)
			}
		}
		if cut := strings.HasSuffix(strings.Join(lines, " "), "…"); cut != (len(s) > 90) && len(s) != 52 {
			t.Errorf("%q: %q, cut: %v", s, lines, cut)
		}
	}
}
