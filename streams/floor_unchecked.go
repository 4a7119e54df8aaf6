//go:build mutant_floor

package streams

// checkFloor is off: what the tests of old copies have to notice.
const checkFloor = false
