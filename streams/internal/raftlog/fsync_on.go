//go:build !mutant_fsync

package raftlog

// fsyncs: a write is acked when it is durable. The tag mutant_fsync takes that out,
// to see the tests that guard it fail.
const fsyncs = true
