//go:build !mutant_hands

package state

// checkHands has only who was handed an event last settle it.
const checkHands = true
