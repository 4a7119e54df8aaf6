package placement

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// Refusal says, in words, why a replica may not go for good; "" if it may. Those
// that go already count as gone, and a stand-in that is there as a voter.
func Refusal(v View, id uuid.UUID) string {
	v.Members = slices.Clone(v.Members)
	voter, rest, there := false, 0, 0
	for i, m := range v.Members {
		switch {
		case m.ID == id:
			voter = m.Voter
			v.Members[i].Retired = true
		case m.Voter && !m.Retired:
			rest++
			if m.Away == 0 {
				there++
			}
		}
	}
	if v.hasStandIn() {
		rest, there = rest+1, there+1
	}
	switch {
	case !voter:
		return ""
	case rest == 0:
		return "it has the last copy of the streams, and there is no other node with storage to take it over: start one, or, if the data is not needed any more, just stop the node and remove its data directory"
	case there <= rest/2:
		return fmt.Sprintf("of the %d replicas that would remain %d answer, and a majority is needed: start those that are away, or remove those that are dead for good (eventnode members remove) first", rest, there)
	}
	return ""
}

// Level returns the level of commands that may be used from now on, if that is more
// than what is used: every member is there and says that it knows it. One that is
// away may have gone back to an older program, and is waited for.
func Level(v View) (level uint32, more bool) {
	for i, m := range v.Members {
		known := uint32(0)
		for _, n := range v.Living {
			if n.Replica == m.ID {
				known = n.Level
			}
		}
		if i == 0 || known < level {
			level = known
		}
	}
	return level, level > v.Level
}
