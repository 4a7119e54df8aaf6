package snapshot

import (
	"errors"
	"fmt"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Install makes what was received the state. FSM.Restore calls it, and nobody else.
//
// It calls swap with the new directory, in the same goroutine and without a lock:
// swap closes the engine, opens one in that directory, and makes Config.Engine
// return it. It may block. If swap fails, it has closed what it opened there: the
// directory is removed, and the old one is as it was. Once swap has succeeded, an
// error means that the store has failed: end the replica, and open it again.
func (s *Store) Install(swap func(dir string) error) error {
	a, old, err := s.beginInstall()
	if err != nil {
		return err
	}
	if err := s.forward(a); err != nil {
		s.remove(a.name)
		s.endInstall(nil, nil)
		return err
	}
	if err := swap(s.path(a.name)); err != nil {
		s.remove(a.name)
		s.endInstall(nil, nil)
		return fmt.Errorf("snapshot: install: %w", err)
	}
	next, err := s.commitInstall(a)
	s.endInstall(next, err)
	if err != nil {
		return s.Err()
	}
	s.metrics.installed.Inc()
	s.config.Logger.Info("a received snapshot is the state now", "id", a.record.ID, "index", a.record.Index,
		"applied", a.record.Floor.Index, "dir", s.path(a.name))
	s.remove(numbered(statePrefix, old))
	return nil
}

func (s *Store) beginInstall() (a *arrival, state uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, 0, err
	}
	if s.pending == nil || s.installing {
		return nil, 0, ErrNotReceived
	}
	a, s.pending, s.installing = s.pending, nil, true
	return a, s.now.State, nil
}

// forward refuses to go back. What this replica has applied is committed, and it may
// be one of the few that have it. The sender will have applied as much soon, and
// each try is of what it has then.
func (s *Store) forward(a *arrival) error {
	e := s.config.Engine()
	if e == nil {
		return nil
	}
	if applied, _ := e.Applied(); applied.Index > a.record.Floor.Index {
		return fmt.Errorf("%w: the state holds entries up to %d, what was received up to %d", ErrStale, applied.Index, a.record.Floor.Index)
	}
	return nil
}

// commitInstall is the moment that counts: before it Open finds the old state,
// after it the new one.
func (s *Store) commitInstall(a *arrival) (*meta, error) {
	e := s.config.Engine()
	if e == nil {
		return nil, errors.New("no engine is open")
	}
	applied, _ := e.Applied()
	if want := engine.Applied(a.record.Floor); applied != want {
		return nil, fmt.Errorf("the new state holds entries up to %d of term %d, what was sent had %d of term %d",
			applied.Index, applied.Term, want.Index, want.Term)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	next := &meta{Number: a.number, State: a.number, Snapshot: s.later(a.record)}
	return next, s.write(*next)
}

// later is what raft is told of a state that was received: r, or the snapshot that
// was there, when that reaches further (the state does, too). The log may begin
// right after it.
func (s *Store) later(r record) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.now.Snapshot; old != nil && old.Index > r.Index {
		floor := r.Floor
		r = *old
		r.Floor = floor
	}
	return &r
}

func (s *Store) endInstall(next *meta, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.installing = false
	if s.failed = err; err == nil && next != nil {
		s.now = *next
	}
}
