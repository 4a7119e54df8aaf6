package replica

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/raftnet"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// session is a replica from the opening of its files to their closing.
type session struct {
	cfg     Config
	started time.Time
	clock   *clock
	others  *atomic.Pointer[Others]

	log       *raftlog.Log
	store     *held
	snapshots *snapshot.Store
	layer     *raftnet.Layer
	transport *raftnet.Transport
	raft      *raft.Raft
	fsm       *fsm

	had     uint64 // the last entry in the log when it was opened
	applied *progress
	chains  chains // the fsm's
	commits *committer
	reads   *reads

	// ready is the term in which this replica leads and has applied all that was
	// committed before; 0: it does not lead, or not yet.
	ready atomic.Uint64

	// handing is how many try to hand over leadership.
	handing atomic.Int32

	// What watch makes of the replica's health, and others want to know.
	health        health
	turned        string                 // what turn was called with last
	blind         bool                   // how much is free on the disk was not known at the last look
	sick          atomic.Pointer[string] // why it should not lead; nil: it may
	full, refuses atomic.Bool
	hurries       atomic.Bool // the leader has died, and another one is needed
	tuning        sync.Mutex  // orders changes of Raft's configuration

	wg   sync.WaitGroup
	once sync.Once
	over chan struct{}
	err  error // valid when over is closed
	// silent is closed when Raft has ended, and answers nobody any more.
	silent chan struct{}
}

// fail ends the session.
func (s *session) fail(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.over)
	})
}

// failure is why the session is over; nil if it is not.
func (s *session) failure() error {
	select {
	case <-s.over:
		return s.err
	default:
		return nil
	}
}

// isLive reports whether an entry came from a leader, and not from this
// replica's own past.
func (s *session) isLive(index uint64) bool { return index > s.had }

// notLeader is the error that names who leads.
func (s *session) notLeader() error {
	e := &NotLeaderError{}
	if _, id := s.raft.LeaderWithID(); id != "" && id != raft.ServerID(s.cfg.ID.String()) {
		e.Leader, _ = uuid.Parse(string(id))
	}
	return e
}

// start starts what works on the session.
func (s *session) start() {
	s.commits, s.reads = newCommitter(s), newReads(s)
	s.wg.Go(s.commits.run)
	s.wg.Go(s.reads.run)
	s.wg.Go(s.lead)
	s.wg.Go(s.watch)
	s.wg.Go(s.succeed)
	s.wg.Go(s.shorten)
	s.wg.Go(s.enter)
}

// Standing is what a replica has when it wants to take part.
type Standing struct {
	// Last is the last entry of its log, or of its snapshot.
	Last uint64
	// Voters are the voters that it knows; none if it has no entry about them.
	Voters []uuid.UUID
}

// enter takes part in the partition, when it may.
func (s *session) enter() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.wg.Go(func() {
		select {
		case <-s.over:
			cancel()
		case <-ctx.Done():
		}
	})
	standing := Standing{Last: s.raft.LastIndex()}
	for _, m := range s.members() {
		if m.Voter {
			standing.Voters = append(standing.Voters, m.ID)
		}
	}
	if err := s.cfg.Clear(ctx, standing); err != nil {
		s.fail(err)
		return
	}
	s.layer.Release()
}

// lead follows this replica's leadership. A new leader first waits until it has
// applied all that leaders before it committed.
func (s *session) lead() {
	for {
		select {
		case leads := <-s.raft.LeaderCh():
			s.ready.Store(0)
			if !leads {
				continue
			}
			term := s.raft.CurrentTerm()
			if err := s.await(s.raft.Barrier(0)); err != nil {
				s.cfg.Logger.Warn("leads no more, before it was ready", "term", term, "error", err)
				continue
			}
			s.clock.lead(time.Now())
			s.ready.Store(term)
			s.cfg.Logger.Info("leads the partition", "term", term)
		case <-s.over:
			return
		}
	}
}

// view is the state as it is at this moment, and what to call when done with it.
func (s *session) view() (state.View, func(), error) {
	store, release := s.store.use()
	now, err := store.Snapshot()
	if err != nil {
		release()
		return state.View{}, nil, fmt.Errorf("read the state: %w", err)
	}
	return state.NewView(now, s.cfg.Partition), func() {
		_ = now.Close() // it releases memory only
		release()
	}, nil
}

// stampOf is the partition's time as the state has it.
func stampOf(r engine.Reader, partition uint32) int64 {
	row, err := state.NewView(r, partition).Partition()
	if err != nil {
		return 0 // the store will say so itself
	}
	return row.GetStampMs()
}
