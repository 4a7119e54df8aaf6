//go:build mutant_ahead

package raftnet

// holds is off: what this replica has only begun to write counts as there.
const holds = false
