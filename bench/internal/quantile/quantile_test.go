package quantile

import "testing"

func TestMicros(t *testing.T) {
	var ns []int64
	for i := range 1000 {
		ns = append(ns, int64(1000-i)*1000)
	}
	for q, want := range map[float64]float64{0.5: 500, 0.99: 990, 0.999: 999, 1: 1000, 0.0001: 1} {
		if got := Micros(ns, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if Micros(nil, 0.5) != 0 {
		t.Error("no samples have a quantile")
	}
	if ns[0] != 1000_000 {
		t.Error("the samples were sorted in place")
	}
}
