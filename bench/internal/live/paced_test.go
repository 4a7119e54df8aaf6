package live

import (
	"errors"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/load"
)

// The search ends below the true limit, and within a 64th of where it began.
func TestHalve(t *testing.T) {
	const high = 1000.0
	for _, limit := range []float64{20, 100, 333, 500, 999} {
		got, err := halve(high, func(rate float64) (bool, error) { return rate <= limit, nil })
		if err != nil || got > limit || got < limit-high/(1<<searchSteps)-1 {
			t.Errorf("limit %v: %v, %v", limit, got, err)
		}
	}
	broken := errors.New("broken")
	if _, err := halve(high, func(float64) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Errorf("an error is lost: %v", err)
	}
}

// Only a loss is a reason to look for a lower rate.
func TestIsLoss(t *testing.T) {
	for _, tt := range []struct {
		wrong load.Wrong
		want  bool
	}{
		{load.Wrong{Lost: 1}, true},
		{load.Wrong{Lost: 1, Duplicates: 1}, true},
		{load.Wrong{Duplicates: 1}, false},
		{load.Wrong{OutOfOrder: 1}, false},
		{load.Wrong{Strange: 1}, false},
	} {
		f := figures{wrong: tt.wrong}
		if got := isLoss(f.check()); got != tt.want {
			t.Errorf("%+v: %v", tt.wrong, got)
		}
	}
	if f := (figures{}); f.check() != nil {
		t.Errorf("nothing was wrong: %v", f.check())
	}
	if f := (figures{trouble: errors.New("disconnected")}); f.check() == nil || !isLoss(f.check()) {
		t.Error("trouble is no failure, or none that a lower rate may cure")
	}
}
