package raftlog

// Durable returns the index of the last entry that is fsynced, 0 if there is
// none. It never waits.
//
// What peers should remember of this replica is the smaller of it and raft's
// commit index: an entry that is not committed may be replaced by a new leader,
// and the log be shorter afterwards, rightly.
func (l *Log) Durable() uint64 { return l.durable.Load() }

// CheckFloor returns ErrBehindFloor if the log ends before floor, the highest
// index up to which peers know that it was durable. Where a snapshot takes the
// place of the log, the owner compares the snapshot's index first.
func (l *Log) CheckFloor(floor uint64) error {
	last, err := l.LastIndex()
	if err != nil {
		return err
	}
	if last < floor {
		return &FloorError{Last: last, Floor: floor}
	}
	return nil
}

// BytesSince returns about how many bytes the entries after an index have on
// disk: wrong by less than 64 KiB and one entry.
func (l *Log) BytesSince(index uint64) uint64 { return l.sizes.since(index) }

// TrailingIndex returns the lowest index after which there are at most so many
// bytes, about. All up to it may go if that much is to stay for slow followers.
func (l *Log) TrailingIndex(bytes uint64) uint64 { return l.sizes.trailing(bytes) }
