//go:build mutant_lock

package state

// checkLock is off: what the history of locks has to notice.
const checkLock = false
