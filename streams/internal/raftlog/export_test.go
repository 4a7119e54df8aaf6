package raftlog

import "github.com/hashicorp/raft"

// What tests outside of the package, which need raftlogtest, know of its inside.
const (
	MaxEntry  = maxEntry
	MetaName  = metaName
	SizeGrain = sizeGrain
)

func Mismatch(l *raft.Log) string   { return mismatch(l) }
func Stamp(logs ...*raft.Log) error { return stamp(logs) }
func SizeInFile(l *raft.Log) int    { return encodedLen(l) + frameLen }
