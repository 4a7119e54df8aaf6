package link

import "time"

// Difference is how far a peer's clock is from this node's, as far as one question and
// its answer tell.
type Difference struct {
	// Known is false if the peer has not said.
	Known bool
	// Ahead is by how much the peer's clock is ahead, give or take Within.
	Ahead, Within time.Duration
}

// differenceOf compares: at asked and at heard are this node's clock, between which the
// peer's was there, 0 if it did not say. Half of what went by is not known.
func differenceOf(asked, heard time.Time, there int64) Difference {
	if there == 0 {
		return Difference{}
	}
	within := heard.Sub(asked).Abs() / 2
	return Difference{Known: true, Ahead: time.Unix(0, there).Sub(asked) - within, Within: within}
}

// compareClocks keeps how far the peer's clock is.
func (p *peer) compareClocks(asked, heard time.Time, there int64) {
	d := differenceOf(asked, heard, there)
	p.mu.Lock()
	p.clocks = d
	p.mu.Unlock()
}
