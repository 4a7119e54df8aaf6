//go:build !mutant_lock

package state

// checkLock has nobody get a lock that somebody else has.
const checkLock = true
