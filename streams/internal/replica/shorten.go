package replica

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// shortenEvery is how often the log's length is looked at.
const shortenEvery = time.Second

// shorten keeps short what is read at the next start: when there is more than
// SnapshotBytes of log behind the last snapshot, or SnapshotEntries, the state is
// flushed, which makes it a snapshot, and the log is cut, but for TrailingBytes.
func (s *session) shorten() {
	tick := time.NewTicker(shortenEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.over:
			return
		}
		from := s.snapshotIndex()
		if s.raft.AppliedIndex() < from+s.cfg.SnapshotEntries && s.log.BytesSince(from) < s.cfg.SnapshotBytes {
			continue
		}
		if err := s.cut(); err != nil && s.failure() == nil {
			s.cfg.Logger.Warn("the log could not be cut, and will be when that succeeds", "error", err)
		}
	}
}

// cut takes a snapshot and cuts the log.
func (s *session) cut() error {
	last, err := s.log.LastIndex()
	if err != nil {
		return err
	}
	// hashicorp/raft counts entries: so many are those of the bytes to be left.
	keep := s.log.TrailingIndex(s.cfg.TrailingBytes)
	if lowest, n := s.snapshots.Sending(); n > 0 {
		keep = min(keep, lowest)
	}
	if err := s.tune(func(c *raft.ReloadableConfig) { c.TrailingLogs = last - min(keep, last) }); err != nil {
		return err
	}
	err = s.await(s.raft.Snapshot())
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return err
}

// snapshotIndex is the last entry that the newest snapshot has.
func (s *session) snapshotIndex() uint64 {
	list, err := s.snapshots.List()
	if err != nil || len(list) == 0 {
		return 0
	}
	return list[0].Index
}
