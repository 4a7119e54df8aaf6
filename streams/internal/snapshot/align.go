package snapshot

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// Align makes a log fit the snapshot. Call it before raft is made of them.
//
// Raft cuts its log after a received snapshot was installed. When the process ends
// in between, the log may end before the snapshot, and then takes no entry after it
// (a gap); or have another leader's entry in the place of the last one of the
// snapshot. Such a log is removed: the state has all of it that was committed. A log
// that begins after the snapshot's end is ErrDamaged: what lies between is nowhere.
func (s *Store) Align(log raft.LogStore) error {
	s.mu.Lock()
	r := s.now.Snapshot
	s.mu.Unlock()
	if r == nil {
		r = &record{}
	}
	first, err := log.FirstIndex()
	if err != nil {
		return fmt.Errorf("snapshot: log: %w", err)
	}
	last, err := log.LastIndex()
	if err != nil {
		return fmt.Errorf("snapshot: log: %w", err)
	}
	if last == 0 {
		return nil
	}
	if first > r.Index+1 {
		return &DamagedError{Path: s.path(metaName), Reason: fmt.Sprintf("the log begins at entry %d, the snapshot ends at %d", first, r.Index)}
	}
	fits, err := continues(log, first, last, r)
	if err != nil || fits {
		return err
	}
	s.config.Logger.Warn("removing a log that ends before the snapshot, or is not what came before it",
		"first", first, "last", last, "index", r.Index)
	if err := log.DeleteRange(first, last); err != nil {
		return fmt.Errorf("snapshot: log: %w", err)
	}
	return nil
}

// continues reports whether the log leads to the snapshot's entry, or begins right
// after it.
func continues(log raft.LogStore, first, last uint64, r *record) (bool, error) {
	if last < r.Index {
		return false, nil
	}
	if first > r.Index {
		return true, nil
	}
	var entry raft.Log
	if err := log.GetLog(r.Index, &entry); err != nil {
		return false, fmt.Errorf("snapshot: log: %w", err)
	}
	return entry.Term == r.Term, nil
}
