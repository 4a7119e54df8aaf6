//go:build !race

package wire

// scribble: see the race detector's build.
const scribble = false
