//go:build mutant_preamble

package raftnet

// targetChecked is off: whoever lives at the address answers for the one that
// was meant.
const targetChecked = false
