package replica

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/raft"
)

// watchEvery is how often a session looks after itself.
const watchEvery = 250 * time.Millisecond

// errLateApply: the engine took too long for entries.
var errLateApply = errors.New("the state did not take its entries in time")

// watch ends the session when a part of it cannot go on, and sees to it that a sick
// replica does not lead.
func (s *session) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	store, release := s.store.use()
	failed := store.Failed()
	release()
	for {
		select {
		case <-s.log.Dead():
			s.fail(fmt.Errorf("log: %w", s.log.Err()))
		case <-failed:
			// The engine may have been replaced by one that was received.
			store, release := s.store.use()
			if failed = store.Failed(); store.Err() != nil {
				s.fail(fmt.Errorf("state: %w", store.Err()))
			}
			release()
		case <-tick.C:
			s.lookAfter(time.Now())
		case <-s.over:
			return
		}
	}
}

// lookAfter looks at the replica once.
func (s *session) lookAfter(now time.Time) {
	at := signs{writing: s.log.Writing(), applying: s.fsm.applying(), reading: s.reading()}
	if at.applying > s.cfg.WriteDeadline {
		s.fail(errLateApply)
		return
	}
	var err error
	if at.free, err = s.cfg.FreeBytes(s.cfg.Dir); err != nil {
		if at.free = math.MaxUint64; !s.blind {
			s.cfg.Logger.Warn("how much is free on the disk is not known, and counts as enough", "dir", s.cfg.Dir, "error", err)
		}
	}
	s.blind = err != nil
	s.health.note(at, now)
	why := s.health.sick(now)
	if why != s.turned { // one whose files had to be opened again is sick from the start
		s.turned = why
		s.turn(why)
	}
	others := *s.others.Load()
	s.full.Store(s.health.full)
	s.refuses.Store(s.health.refuses(now, s.voters(), others))
	if why != "" && others.Well > 0 && s.raft.State() == raft.Leader && now.Sub(s.health.handOver) > handOverEvery {
		s.health.handOver = now
		s.cfg.Logger.Warn("hands over leadership", "why", why)
		s.raft.LeadershipTransfer() // in the background: it comes to pass or not
	}
}

// reading is for how long a read of the state has been under way.
func (s *session) reading() time.Duration {
	return s.store.now().Reading() // one that was closed may be asked, too
}

// turn makes the replica one that should not lead, or one that may again.
func (s *session) turn(why string) {
	if why != "" {
		s.cfg.Logger.Warn("this replica should not lead", "why", why)
	} else {
		s.cfg.Logger.Info("this replica may lead again")
	}
	if s.sick.Store(nil); why != "" {
		s.sick.Store(&why)
	}
	s.setTimeouts()
}

// tune changes Raft's configuration while it runs.
func (s *session) tune(change func(*raft.ReloadableConfig)) error {
	s.tuning.Lock()
	defer s.tuning.Unlock()
	c := s.raft.ReloadableConfig()
	change(&c)
	return s.raft.ReloadConfig(c)
}

// voters is how many there are.
func (s *session) voters() (n int) {
	for _, m := range s.members() {
		if m.Voter {
			n++
		}
	}
	return n
}
