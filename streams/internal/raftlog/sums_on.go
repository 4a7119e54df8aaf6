//go:build !mutant_checksum

package raftlog

// sums: what does not match its checksum is damaged. The tag mutant_checksum takes
// that out, to see the tests that guard it fail.
const sums = true
