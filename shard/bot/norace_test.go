//go:build !race

package bot_test

// underRace says that the race detector looks on.
const underRace = false
