//go:build !mutant_ahead

package raftnet

// holds: what others have counts when this replica has it. The tag mutant_ahead takes
// that out, to see the tests that guard it fail.
const holds = true
