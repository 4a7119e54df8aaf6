package placement

import "github.com/google/uuid"

// Voters that are there and well, and are nevertheless to go, because there are too
// many: that of a node which lacks what it is to have goes first.

// displaced is the voter that goes next, the leader last; false: none does.
func (v View) displaced() (Member, bool) {
	if v.voters() <= v.Voters {
		return Member{}, false
	}
	var next Member
	for _, self := range []bool{false, true} {
		for _, m := range v.Members {
			if m.Voter && m.Unfit && (m.ID == v.Self) == self {
				return m, true
			}
			if m.Voter && v.Exact && m.ID != v.Self && m.Away == 0 && !v.lacks() && lastOf(next.ID, m.ID) == m.ID {
				next = m
			}
		}
	}
	return next, next.ID != uuid.Nil
}

// lastOf is the greater one: any order will do in which all leaders agree.
func lastOf(a, b uuid.UUID) uuid.UUID {
	if a.String() > b.String() {
		return a
	}
	return b
}

func displace(v View) (Step, bool) {
	if m, ok := v.displaced(); ok && v.mayRemove(m) {
		return Step{Demote, m.ID}, true
	}
	return Step{}, false
}

func displaceSelf(v View) (Step, bool) {
	if m, ok := v.displaced(); ok && m.ID == v.Self && v.canDoWithout(m) {
		return Step{HandOver, m.ID}, true
	}
	return Step{}, false
}

func removeUnfit(v View) (Step, bool) {
	for _, m := range v.Members {
		if !m.Voter && m.Unfit {
			return Step{Remove, m.ID}, true
		}
	}
	return Step{}, false
}

// removeSpare removes a non-voter that nothing waits for.
func removeSpare(v View) (Step, bool) {
	if !v.Exact || v.lacks() || v.voters() < v.Voters {
		return Step{}, false
	}
	for _, m := range v.Members {
		if !m.Voter && len(v.Members) > v.Voters {
			return Step{Remove, m.ID}, true
		}
	}
	return Step{}, false
}
