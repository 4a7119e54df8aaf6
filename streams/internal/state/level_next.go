//go:build next_version

package state

// Level is the highest level of commands that this program knows: one more than the
// project's, to test upgrades.
const Level uint32 = 2
