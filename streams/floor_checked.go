//go:build !mutant_floor

package streams

// checkFloor has a replica ask its peers how much it once had, before it takes part.
const checkFloor = true
