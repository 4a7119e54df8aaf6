package pebbledb

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// scheduler lets no compaction begin while the store opens. Pebble begins them before
// it knows that it can open; if it then cannot, it closes its caches under them, and
// the process panics.
//
// It is Pebble's scheduler without the clock that asks ten times a second whether
// there is a compaction to run: those ask who may have to wait for one.
type scheduler struct {
	*pebble.ConcurrencyLimitScheduler
	open atomic.Bool
}

var _ pebble.CompactionScheduler = (*scheduler)(nil)

func newScheduler() *scheduler {
	return &scheduler{ConcurrencyLimitScheduler: pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()}
}

// TrySchedule implements pebble.CompactionScheduler.
func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	if !s.open.Load() {
		return false, nil
	}
	return s.ConcurrencyLimitScheduler.TrySchedule()
}

// begin lets compactions begin, also those that were held back.
func (s *scheduler) begin() {
	s.open.Store(true)
	s.ask()
}

// ask has a compaction begin, if there is one to run and room for it: whoever gives a
// grant back has Pebble look who waits for one.
func (s *scheduler) ask() {
	if ok, grant := s.TrySchedule(); ok {
		grant.Done()
	}
}
