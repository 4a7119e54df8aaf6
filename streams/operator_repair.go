package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// A copy in which a scrub has found damage may be rebuilt from its peers, as one is
// whose damage somebody met by reading it. That takes a vote away for as long as it
// lasts, so it is refused unless the others are a majority without it, and the next
// node is looked at only when this one votes again.

// repairWait bounds how long a scrub waits for a copy to be rebuilt.
const repairWait = time.Hour

// repairPoll is how often it looks.
const repairPoll = 100 * time.Millisecond

// repair has this node's copy rebuilt, and returns when it is.
func (s *scrub) repair(ctx context.Context, r *replica.Replica) error {
	streams := s.o.cfg.Streams
	st := r.Status()
	if err := streams.mayDoWithout(ctx, st); err != nil {
		return fmt.Errorf("it is damaged, and is not rebuilt: %w", err)
	}
	s.o.cfg.Logger.Warn("the copy in which scrub has found damage is rebuilt", "damaged", s.resp.GetDamaged())
	r.Report(&engine.DamagedError{Err: fmt.Errorf("scrub has found %d places", s.resp.GetDamaged())})
	ctx, cancel := context.WithTimeoutCause(ctx, repairWait, errors.New("it is not rebuilt yet: see raft status"))
	defer cancel()
	tick := time.NewTicker(repairPoll)
	defer tick.Stop()
	for told := time.Now(); !streams.isRebuilt(st); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if time.Since(told) < tellEvery {
			continue
		}
		told = time.Now()
		if err := s.tell(s.pace.read); err != nil {
			return err
		}
	}
	s.resp.Repaired = true
	return nil
}

// mayDoWithout fails unless the other voters that are well, and have about all that
// is committed, are a majority without this node's.
func (s *Streams) mayDoWithout(ctx context.Context, st replica.Status) error {
	if st.Leader == uuid.Nil {
		return fmt.Errorf("no leader is known here: %w", eventnode.ErrUnavailable)
	}
	said := s.ask(ctx, others(st.Members, st.ID))
	voters, well := 0, 0
	for _, m := range st.Members {
		if !m.Voter {
			continue
		}
		voters++
		if a := said[m.ID]; a != nil && !a.GetSick() && a.GetDurable()+maxBehind >= st.Committed {
			well++
		}
	}
	if need := voters/2 + 1; isVoter(st, st.ID) && well < need {
		return fmt.Errorf("of %d voters %d besides this one are well, and without it %d must be: %w", voters, well, need, eventnode.ErrMajorityNeeded)
	}
	return nil
}

// isRebuilt reports whether another copy than the one before is up to date, and votes
// if that one did.
func (s *Streams) isRebuilt(before replica.Status) bool {
	r, ok := s.partition()
	if !ok || s.Replica() == before.ID || !s.isUpToDate(r) {
		return false
	}
	now := r.Status()
	return isVoter(now, now.ID) || !isVoter(before, before.ID)
}

func isVoter(st replica.Status, id uuid.UUID) bool {
	for _, m := range st.Members {
		if m.ID == id {
			return m.Voter
		}
	}
	return false
}
