package replica

import (
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	const low = 100 << 20
	now := time.Unix(1000, 0)
	all := Others{Well: 2}
	h := health{low: low}
	look := func(after time.Duration, at signs, sick, refuses bool, others Others) {
		t.Helper()
		now = now.Add(after)
		h.note(at, now)
		if why := h.sick(now); (why != "") != sick {
			t.Errorf("after %v: sick for %q, want %v", after, why, sick)
		}
		if got := h.refuses(now, 3, others); got != refuses {
			t.Errorf("after %v: refuses %v, want %v", after, got, refuses)
		}
	}
	well := signs{free: low * 10}
	look(0, well, false, false, all)
	look(0, signs{free: low * 10, writing: slowAfter + 1}, true, false, all)
	look(sickFor-1, well, true, false, all)
	look(1, well, false, false, all)
	look(0, signs{free: low * 10, applying: 2 * slowAfter}, true, false, all)
	look(sickFor, well, false, false, all)

	look(0, signs{free: low * 10, reading: slowAfter + 1}, true, false, all)
	look(sickFor, well, false, false, all)

	look(0, signs{free: low - 1}, true, false, all) // somebody else may take over
	look(refuseAfter+1, signs{free: low + 1}, true, true, all)
	look(0, signs{free: low + low/2}, false, false, all)

	look(0, well, false, false, Others{}) // nobody answers: that says nothing of their disks
	look(0, well, false, false, Others{Well: 1, Full: 1})
	look(0, well, false, true, Others{Full: 2}) // no majority with room
	if h.refuses(now, 0, Others{}) {
		t.Error("refuses before it knows any voter")
	}
}
