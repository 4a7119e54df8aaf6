//go:build mutant_hands

package state

// checkHands is off: what the history of consumers has to notice.
const checkHands = false
