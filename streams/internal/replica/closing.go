package replica

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
)

const (
	// heirLook is how often a leader that stops looks who leads after it, and
	// heirShown is how long it stays then: those who wait here for another leader
	// are to see who it is.
	heirLook  = 2 * time.Millisecond
	heirShown = 50 * time.Millisecond
)

// stop hands over leadership, if it can, and ends the session.
func (s *session) stop(ctx context.Context) {
	if s.raft.State() == raft.Leader {
		done := make(chan error, 1)
		go func() { done <- s.handOver() }()
		select {
		case err := <-done:
			if err != nil {
				s.cfg.Logger.Info("could not hand over leadership", "error", err)
				break
			}
			s.heir(ctx)
		case <-ctx.Done():
		}
	}
	s.fail(errStopped)
	s.flush(ctx)
}

// flushing bounds how long a replica that stops waits for its state to be on disk.
const flushing = 2 * time.Second

// flush has the state written, so that the next start has little of the log to apply
// again: with many consumer groups that may take far longer than to write it.
func (s *session) flush(ctx context.Context) {
	store := s.store.now()
	if store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushing)
	defer cancel()
	if _, err := store.Flush(ctx); err != nil {
		s.cfg.Logger.Info("the state is not on disk: the next start takes longer", "error", err)
	}
}

// heir waits until this replica has heard of the next leader, and others have heard
// it here. It waits for no longer than an election takes: the heir may be stopping,
// too.
func (s *session) heir(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.HeartbeatTimeout)
	defer cancel()
	look := time.NewTicker(heirLook)
	defer look.Stop()
	for {
		if _, id := s.raft.LeaderWithID(); id != "" {
			break
		}
		select {
		case <-look.C:
		case <-s.over:
			return
		case <-ctx.Done():
			return
		}
	}
	select {
	case <-time.After(heirShown):
	case <-s.over:
	case <-ctx.Done():
	}
}

// handOver has another replica lead: any one that has everything. Until that is so, or
// has failed, this one takes nothing, for Raft would refuse it.
func (s *session) handOver() error {
	s.handing.Add(1)
	defer s.handing.Add(-1)
	return s.await(s.raft.LeadershipTransfer())
}

// errHangs: what was under way did not end.
var errHangs = errors.New("a write hangs: the files could not be closed")

// closing is how long a process that stops waits for a write that hangs.
const closing = 10 * time.Second

// end closes the session. While ctx lives it waits as long as it takes: nothing may
// open the files again before.
func (s *session) end(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.close() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(closing):
		return errHangs
	}
}

// close ends Raft and closes everything, when nobody uses it any more.
func (s *session) close() error {
	s.fail(errStopped)
	var errs []error
	if s.layer != nil {
		// First: a leader whose disk hangs would go on with its heartbeats, and
		// nobody else would lead.
		errs = append(errs, s.layer.Close())
	}
	if s.snapshots != nil {
		errs = append(errs, s.snapshots.Close()) // ends what raft may be waiting for
	}
	var ended raft.Future
	if s.raft != nil {
		ended = s.raft.Shutdown()
	}
	if s.transport != nil {
		errs = append(errs, s.transport.Close()) // ends calls that a broken network keeps
	}
	if ended != nil {
		errs = append(errs, ended.Error())
		close(s.silent)
	}
	s.wg.Wait()
	if store := s.store.now(); store != nil {
		applied, chain := store.Applied()
		s.cfg.Logger.Info("the replica has stopped", "applied", applied.Index, "chain", chain)
		err := store.Close()
		errs = append(errs, store.Err(), err) // what a read found that was under way
	}
	if s.log != nil {
		err := s.log.Close()
		if errors.Is(err, raftlog.ErrStuck) {
			<-s.log.Settled()
			err = s.log.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// await returns what Raft answers. One that is shut down forgets some of those who
// wait: whom it was about to verify, to hand over to or to tell what was applied.
func (s *session) await(f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }() // it stays if it was forgotten, and with it what it holds
	select {
	case err := <-done:
		return err
	case <-s.silent:
	}
	select {
	case err := <-done:
		return err
	default:
		return raft.ErrRaftShutdown
	}
}
