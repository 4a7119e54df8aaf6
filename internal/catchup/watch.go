package catchup

import (
	"context"
	"time"
)

const (
	// watchEvery is how often the clock is looked at.
	watchEvery = 100 * time.Millisecond
	// markTimeout bounds one mark.
	markTimeout = 5 * time.Second
	// markLate is how long a mark takes only if the stream had no leader.
	markLate = time.Second
)

// watch takes marks, and ends the reading that is not wanted any more.
func (s *Subscription) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		standing := s.cfg.Standing()
		s.mu.Lock()
		if standing == 0 {
			s.machine.Stall(now)
		}
		s.machine.Tick(now)
		wants := standing != 0 && s.machine.WantsMark(now)
		s.mu.Unlock()
		if wants {
			s.mark(ctx, standing)
		}
		s.settle()
	}
}

// mark takes a mark. One is of no use if the live subscription did not stand all the
// time: what it missed may be before it.
func (s *Subscription) mark(ctx context.Context, standing uint64) {
	ctx, cancel := context.WithTimeout(ctx, markTimeout)
	defer cancel()
	begin := time.Now()
	at, err := place(ctx, s.cfg)
	now := time.Now()
	stood := s.cfg.Standing() == standing
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || now.Sub(begin) > markLate {
		s.machine.Trouble(now)
	}
	if err == nil && stood {
		s.machine.Mark(now, at)
	}
}

// settle tells the owner and the reader what may have changed.
func (s *Subscription) settle() {
	s.mu.Lock()
	_, _, wanted := s.machine.Reading()
	stop, waits := s.stopReader, s.machine.Len() > 0
	s.mu.Unlock()
	if !wanted && stop != nil {
		stop()
	}
	if waits {
		token(s.ready)
	}
}
