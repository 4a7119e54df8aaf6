//go:build race

package watermill_test

// raceEnabled says that the race detector looks on.
const raceEnabled = true
