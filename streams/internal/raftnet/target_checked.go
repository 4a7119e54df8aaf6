//go:build !mutant_preamble

package raftnet

// targetChecked: a connection for another replica is refused. The tag
// mutant_preamble takes the check out, to see the tests that guard it fail.
const targetChecked = true
