//go:build race

package wire

// scribble makes released memory useless at once, so that the tests under the
// race detector see whoever still looks at it.
const scribble = true
