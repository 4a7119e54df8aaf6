package stream

import (
	"errors"
	"testing"
	"time"
)

// Only what ends after the fault counts, the longest of it.
func TestLongest(t *testing.T) {
	for _, tt := range []struct {
		name     string
		acks     []int64
		at       int64
		from, to int64
	}{
		{"none", nil, 5, 0, 0},
		{"all before", []int64{1, 2, 3}, 5, 0, 0},
		{"one pause", []int64{1, 2, 3, 90, 91}, 4, 3, 90},
		{"a longer one before", []int64{1, 80, 81, 90, 91}, 82, 81, 90},
		{"acks that were still under way", []int64{1, 2, 6, 7, 90, 92}, 5, 7, 90},
		{"the longest of two", []int64{1, 10, 40, 45, 99}, 5, 45, 99},
		{"an ack alone", []int64{10}, 5, 10, 10},
	} {
		if p := longest(tt.acks, tt.at); p.From != tt.from || p.To != tt.to {
			t.Errorf("%s: %d to %d, want %d to %d", tt.name, p.From, p.To, tt.from, tt.to)
		}
	}
}

// The answer waits for the last caller, and each order begins anew.
func TestWatch(t *testing.T) {
	w := newWatch(2)
	fault := time.Now()
	w.acked(0, fault.Add(time.Millisecond))
	w.acked(1, fault.Add(-time.Millisecond))
	if w.back(fault.UnixNano()) {
		t.Error("back, though one caller waits")
	}
	w.failed(errors.New("no leader"))
	w.failed(errors.New("later"))
	w.acked(1, fault.Add(time.Millisecond))
	p, err := w.since(t.Context(), fault.UnixNano(), fault.UnixNano())
	if err != nil || p.Failed != 2 || p.Why != "no leader" || p.To <= fault.UnixNano() {
		t.Errorf("%+v, %v", p, err)
	}
	later := time.Now()
	w.acked(0, later.Add(time.Millisecond))
	w.acked(1, later.Add(time.Millisecond))
	if p, err := w.since(t.Context(), later.UnixNano(), later.UnixNano()); err != nil || p.Failed != 0 || p.Why != "" || p.From <= fault.UnixNano() {
		t.Errorf("second: %+v, %v", p, err)
	}
	if w.failures() != 2 {
		t.Errorf("%d failures", w.failures())
	}
}
