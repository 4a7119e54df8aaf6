package quiet

import (
	"testing"
	"time"
)

// One in an interval gets through, and says how many did not; every one is counted once.
func TestGate(t *testing.T) {
	g, now := New(time.Second), time.Unix(1, 0)
	for i, step := range []struct {
		after time.Duration
		held  uint64
		ok    bool
	}{
		{0, 0, true}, {0, 0, false}, {999 * time.Millisecond, 0, false}, {time.Millisecond, 2, true}, {time.Second, 0, true}, {time.Nanosecond, 0, false}, {time.Hour, 1, true},
	} {
		now = now.Add(step.after)
		if held, ok := g.Open(now); held != step.held || ok != step.ok {
			t.Errorf("step %d: %d, %v", i, held, ok)
		}
	}
}
