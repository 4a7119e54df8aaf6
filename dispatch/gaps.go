package dispatch

import "github.com/eventnode/eventnode"

// maxGaps bounds how many kinds of gap, apart by node, reason and whether the
// count is known, stand at one place of a queue. Further ones become one gap of
// which nothing is known. A queue's own drops do not count against it.
const maxGaps = 16

// gapCost is what one gap counts for in a queue's byte bound.
const gapCost = 64

// queueGap tells of events dropped by the queue itself.
func queueGap(count int) eventnode.Gap {
	return eventnode.Gap{Count: uint64(count), Known: true, Reason: eventnode.GapQueueFull}
}

// addGap merges g into the gaps at one place and returns the new list. Known
// and unknown counts are kept apart: an exact count stays exact.
func addGap(gaps []eventnode.Gap, g eventnode.Gap) []eventnode.Gap {
	if !g.Known {
		g.Count = 0
	}
	if mergeGap(gaps, g) {
		return gaps
	}
	if len(gaps) >= maxGaps && !isQueueGap(g) {
		g = eventnode.Gap{}
		if mergeGap(gaps, g) {
			return gaps
		}
	}
	return append(gaps, g)
}

// mergeGap adds g to its like, if there is one.
func mergeGap(gaps []eventnode.Gap, g eventnode.Gap) bool {
	for i := range gaps {
		have := &gaps[i]
		if have.Node == g.Node && have.Reason == g.Reason && have.Known == g.Known {
			have.Count += g.Count
			return true
		}
	}
	return false
}

// isQueueGap reports whether g tells of the queue's own drops.
func isQueueGap(g eventnode.Gap) bool {
	return g.Reason == eventnode.GapQueueFull && g.Node == "" && g.Known
}
