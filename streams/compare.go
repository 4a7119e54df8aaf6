package streams

import (
	"context"
	"time"

	"github.com/google/uuid"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// Replicas that applied the same entries have the same hash over what they wrote. A
// leader asks the others for theirs at an entry, and the majority of the voters is
// right. If the leader is with it, it puts its own hash into the log, and whoever has
// another one stops when it applies that. If the majority has another one, the leader
// is what is wrong, and stops itself: it must not have the others stop. If there is no
// majority for either, nobody can tell, and nobody stops: the status of the replicas
// says that they differ.

const (
	// compareTries is how often the others are asked, who may apply the entry only in
	// a moment, and comparePause is between that.
	compareTries = 3
	comparePause = 50 * time.Millisecond
)

// verdict is what the hashes of the voters say of this replica's.
type verdict uint8

const (
	unclear  verdict = iota // too few are known, or they are divided
	agreed                  // it is that of the majority
	outvoted                // the majority has another one
)

// judge counts a replica's own hash and those of other voters that are known, of so
// many voters with it.
func judge(own engine.Chain, others []engine.Chain, voters int) verdict {
	votes := map[engine.Chain]int{own: 1}
	for _, c := range others {
		votes[c]++
	}
	for c, n := range votes {
		if n <= voters/2 {
			continue
		}
		if c == own {
			return agreed
		}
		return outvoted
	}
	return unclear
}

// compare compares this leader's state with the others'.
func (s *Streams) compare(ctx context.Context, r *replica.Replica, st replica.Status) {
	says := unclear
	for range compareTries {
		var others []engine.Chain
		if says, others = s.ballot(ctx, st); says != unclear || len(others) == voterCount(st)-1 {
			break
		}
		select {
		case <-time.After(comparePause):
		case <-ctx.Done():
			return
		}
	}
	switch says {
	case outvoted:
		s.cfg.Logger.Error("the other replicas agree on another state than this one's", "entry", st.Applied, "chain", st.Chain)
		r.Report(&replica.DivergedError{Index: st.Applied, Ours: st.Chain})
	case agreed:
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		_, _ = r.Propose(ctx, &replica.Proposal{Command: &storagev1.Command{Command: &storagev1.Command_Compare{
			Compare: &storagev1.Compare{Index: st.Applied, Chain: uint64(st.Chain)}}}}) // the next one will do as well
	case unclear:
	}
}

// ballot asks the other voters once.
func (s *Streams) ballot(ctx context.Context, st replica.Status) (verdict, []engine.Chain) {
	var voters []uuid.UUID
	for _, m := range st.Members {
		if m.Voter && m.ID != st.ID {
			voters = append(voters, m.ID)
		}
	}
	var others []engine.Chain
	if len(voters) > 0 { // none would be all
		for _, said := range s.askChains(ctx, voters, st.Applied) {
			if said.Chain != nil {
				others = append(others, engine.Chain(said.GetChain()))
			}
		}
	}
	return judge(st.Chain, others, len(voters)+1), others
}

func voterCount(st replica.Status) (n int) {
	for _, m := range st.Members {
		if m.Voter {
			n++
		}
	}
	return n
}
