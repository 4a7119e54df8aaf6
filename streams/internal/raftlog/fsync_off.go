//go:build mutant_fsync

package raftlog

// fsyncs is off: a write is acked when the operating system has it.
const fsyncs = false
