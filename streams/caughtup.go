package streams

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/streams/internal/replica"
)

// catchUpEvery is how often a replica that was opened asks how far it is behind.
const catchUpEvery = 100 * time.Millisecond

// catchUp takes note that this replica has had, since its files were opened the last
// time, about all that its leader had: another node may be stopped then, and the
// majority goes on. A follower cannot tell by itself, for it hears only of what it
// has. One that opens its files again, after a write that failed, begins anew.
func (s *Streams) catchUp(ctx context.Context, r *replica.Replica) error {
	tick := time.NewTicker(catchUpEvery)
	defer tick.Stop()
	for {
		if life := r.Life(); life != s.caught.Load() && life != 0 && s.isCaughtUp(ctx, r.Status()) {
			s.caught.Store(life) // should it have been opened again meanwhile, it is out of date
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// isUpToDate reports whether that is so now.
func (s *Streams) isUpToDate(r interface{ Life() uint64 }) bool {
	life := r.Life()
	return life != 0 && life == s.caught.Load()
}

func (s *Streams) isCaughtUp(ctx context.Context, st replica.Status) bool {
	if st.Leads || st.Leader == uuid.Nil {
		return st.Leads
	}
	leader := s.ask(ctx, []uuid.UUID{st.Leader})[st.Leader]
	return leader.GetLeads() && st.Applied+maxBehind >= leader.GetApplied()
}
