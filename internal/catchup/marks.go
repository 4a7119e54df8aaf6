package catchup

import (
	"time"

	"github.com/eventnode/eventnode"
)

// Place is where a stream ends: its last position, and how many events there ever were.
type Place struct {
	Position eventnode.Position
	Number   uint64
}

// mark is where the stream ended, at the latest at a time.
type mark struct {
	Place
	at time.Time
}

// marks are the marks of which one may be needed, oldest first. There is always one.
type marks []mark

func (ms marks) newest() mark { return ms[len(ms)-1] }

// add adds a mark, and drops those that are not needed any more: all before the one
// that is at least delay older than the newest.
func (ms marks) add(m mark, delay time.Duration) marks {
	ms = append(ms, m)
	n := 0
	for n+1 < len(ms) && !ms[n+1].at.After(m.at.Add(-delay)) {
		n++
	}
	return append(ms[:0], ms[n:]...)
}

// begin is the mark at which reading begins, if what was delivered at or before forgot
// is forgotten. It is false if there is none.
func (ms marks) begin(forgot time.Time, delay, lag time.Duration) (mark, bool) {
	if forgot.IsZero() {
		return ms[0], true
	}
	half := ms.newest().at.Sub(forgot) / 2
	least := forgot.Add(max(min(lag, half), 0))
	ideal := ms.newest().at.Add(-delay)
	chosen, found := mark{}, false
	for _, m := range ms {
		if m.at.Before(least) || !m.at.After(forgot) {
			continue
		}
		if found && m.at.After(ideal) {
			break
		}
		chosen, found = m, true
	}
	return chosen, found
}
