//go:build !race

package pebbledb_test

const checked = false
