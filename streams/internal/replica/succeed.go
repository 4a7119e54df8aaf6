package replica

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
)

// When the leader's process has died.
//
// Raft's followers find out by silence: each waits between one and two heartbeat
// timeouts, looks whether there was a sign of life within one, and else waits as long
// again. Before the last of those whose vote is needed has given the leader up (a
// follower that has a leader gives no pre-vote), nobody is elected: that is up to
// three heartbeat timeouts.
//
// A process that died can be told from one that is silent: its connections end, and
// its machine refuses new ones. A follower that sees both gives the leader up when it
// was silent for as long as Raft can do with, the lease, after which a leader that
// lived would have stepped down; and the followers do so one after the other, for two
// that did at the same moment would each vote for themselves. The first gets no
// pre-vote, because the others still have a leader; the last one needed gets them all.
//
// Nothing is safe because of this. A guess that is wrong asks for pre-votes that
// others refuse, and the next heartbeat ends it.

const (
	// probeTries is how often an address is dialled, for a port that closes after
	// the connections do. probeEvery lies before each, because who hands over ends
	// connections too, and nobody need ask then; and it bounds each.
	probeTries = 4
	probeEvery = 50 * time.Millisecond
	// turnEvery lies between the followers that give the leader up. It must be
	// longer than a request for a pre-vote takes.
	turnEvery = 50 * time.Millisecond
	// hurryFor bounds for how long elections are hurried, and hurryLook is how often
	// it is looked whether there is a leader.
	hurryFor  = 3 * time.Second
	hurryLook = 20 * time.Millisecond
)

// succeed sees to it that a leader that has died is replaced soon.
func (s *session) succeed() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.wg.Go(func() {
		<-s.over
		cancel()
	})
	for {
		select {
		case peer := <-s.layer.Ended():
			lost := time.Now()
			if !s.mayHurry(peer) {
				continue
			}
			died := s.hasDied(ctx, peer)
			s.cfg.Logger.Debug("the leader ended a connection", "leader", peer, "died", died)
			if died {
				s.replace(ctx, peer, lost)
			}
		case <-s.over:
			return
		}
	}
}

// mayHurry reports whether a replica leads, and this one should take its place.
func (s *session) mayHurry(leader uuid.UUID) bool {
	return s.follows(leader) && s.sick.Load() == nil
}

// follows reports whether this replica takes another one for the leader.
func (s *session) follows(leader uuid.UUID) bool {
	_, id := s.raft.LeaderWithID()
	return id == raft.ServerID(leader.String()) && leader != s.cfg.ID
}

// hasDied reports whether a replica's process is gone.
func (s *session) hasDied(ctx context.Context, peer uuid.UUID) bool {
	for range probeTries {
		select {
		case <-time.After(probeEvery):
		case <-ctx.Done():
		}
		if !s.follows(peer) {
			return false
		}
		bounded, cancel := context.WithTimeout(ctx, probeEvery)
		refused := s.layer.Refused(bounded, peer)
		cancel()
		if refused {
			return true
		}
	}
	return false
}

// replace has Raft look for another leader, as soon as this replica's turn has come
// since one was lost. A replica that still takes what the leader sent last waits for
// the end of that: until then Raft would find that there is a sign of life.
func (s *session) replace(ctx context.Context, leader uuid.UUID, lost time.Time) {
	turn, votes := turnOf(s.members(), leader, s.cfg.ID)
	if !votes {
		return
	}
	silent := s.lease() + time.Duration(turn)*turnEvery
	select {
	case <-time.After(time.Until(lost.Add(silent))):
	case <-ctx.Done():
		return
	}
	s.cfg.Logger.Info("the leader's process has ended", "leader", leader, "turn", turn)
	defer s.hurry(false)
	end := time.NewTimer(hurryFor)
	defer end.Stop()
	look := time.NewTicker(hurryLook)
	defer look.Stop()
	for {
		switch s.needs(leader) {
		case nothing:
			return
		case giveUp:
			s.hurry(false) // so that the next change wakes Raft again
			s.hurry(true)
		case waitFor:
		}
		select {
		case <-look.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// need is what there is to do while a leader is replaced.
type need uint8

const (
	waitFor need = iota // something that is under way
	giveUp              // the dead leader
	nothing             // any more
)

// needs says how far the replacement of a leader is.
func (s *session) needs(leader uuid.UUID) need {
	_, now := s.raft.LeaderWithID()
	switch {
	case now == "":
		return waitFor // an election
	case !s.mayHurry(leader):
		return nothing
	case time.Since(s.raft.LastContact()) < s.lease():
		return waitFor // the end of what the leader has sent
	}
	return giveUp
}

// turnOf is a replica's place among the voters that a lost leader leaves behind;
// false: it has none.
func turnOf(members []Member, leader, self uuid.UUID) (turn int, votes bool) {
	var left []uuid.UUID
	for _, m := range members {
		if m.Voter && m.ID != leader {
			left = append(left, m.ID)
		}
	}
	slices.SortFunc(left, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
	turn = slices.Index(left, self)
	return turn, turn >= 0
}
