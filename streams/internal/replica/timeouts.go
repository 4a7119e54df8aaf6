package replica

import (
	"time"

	"github.com/hashicorp/raft"
)

// How long Raft waits for a leader, and for votes: it depends on whether this replica
// should lead, and on whether somebody has to.

// lease is how long a leader goes on without a sign of life from a majority. Raft
// wants it to be no longer than a follower waits for a leader.
func (s *session) lease() time.Duration { return s.cfg.HeartbeatTimeout / 2 }

// hurry has Raft look for a leader as soon as it can, or as usual.
func (s *session) hurry(on bool) {
	s.hurries.Store(on)
	s.setTimeouts()
}

// timeout is what applies now.
func (s *session) timeout() time.Duration {
	switch {
	case s.sick.Load() != nil:
		return s.cfg.HeartbeatTimeout * sickFactor
	case s.hurries.Load():
		return s.lease()
	}
	return s.cfg.HeartbeatTimeout
}

// setTimeouts puts what applies now into effect. A follower looks at once whether it
// has waited longer, if it is less than before.
func (s *session) setTimeouts() {
	err := s.tune(func(c *raft.ReloadableConfig) {
		now := s.timeout() // in the order of the changes
		c.HeartbeatTimeout, c.ElectionTimeout = now, now
	})
	if err != nil {
		s.cfg.Logger.Warn("the election timeout could not be changed", "error", err)
	}
}
