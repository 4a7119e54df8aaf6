package link

import "fmt"

// versions is a range of protocol versions, both ends included.
type versions struct{ lo, hi uint32 }

// spoken is what this program speaks.
var spoken = versions{lo: 1, hi: 1}

// choose returns the highest version in both ranges. A node that is one
// version ahead thus speaks the older one until the other node is replaced
// too: a rolling upgrade needs no second step.
func choose(a, b versions) (uint32, error) {
	v := min(a.hi, b.hi)
	if v < max(a.lo, b.lo) || v == 0 {
		return 0, fmt.Errorf("no common protocol version: %d-%d here, %d-%d there", a.lo, a.hi, b.lo, b.hi)
	}
	return v, nil
}
