//go:build race

package pebbledb_test

// checked says that Pebble checks its own state as it goes, which it does under the
// race detector.
const checked = true
