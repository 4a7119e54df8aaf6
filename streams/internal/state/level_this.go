//go:build !next_version

package state

// Level is the highest level of commands that this program knows.
const Level uint32 = 1
