package snapshot

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// local is a snapshot of the replica's own state, of which nothing is copied.
type local struct {
	store   *Store
	engine  engine.Store
	state   uint64         // number of the state's directory
	applied engine.Applied // what the engine held
}

var _ raft.FSMSnapshot = (*local)(nil)

// Snapshot is what FSM.Snapshot returns. Call it there, when everything that raft
// has handed to the FSM is committed to the engine.
func (s *Store) Snapshot() raft.FSMSnapshot {
	s.mu.Lock()
	state := s.now.State
	s.mu.Unlock()
	l := &local{store: s, engine: s.config.Engine(), state: state}
	if l.engine != nil {
		l.applied, _ = l.engine.Applied()
	}
	return l
}

// Persist marks the sink. The work is done by its Close.
func (l *local) Persist(sink raft.SnapshotSink) error {
	k, ok := sink.(*Sink)
	switch {
	case !ok || k.store != l.store:
		return errors.New("snapshot: the sink is another store's")
	case k.arrival != nil || k.closed:
		return errors.New("snapshot: the sink is used up")
	case l.engine == nil:
		return errors.New("snapshot: no engine is open")
	}
	k.local = l
	return nil
}

// Release has nothing to let go.
func (l *local) Release() {}

// commit makes the state durable up to the snapshot, and says so in the file. What
// raft hands to the FSM does not include its own entries, so the engine may be
// behind the index by some of those; and ahead of it, when raft hands it again
// after a restart what it has.
func (l *local) commit(r record, number uint64) error {
	err := l.persist(r, number)
	if err != nil {
		l.store.metrics.takeFailed.Inc()
	} else {
		l.store.metrics.taken.Inc()
	}
	return err
}

func (l *local) persist(r record, number uint64) error {
	r.Floor = position(l.applied)
	if r.Floor.Index > r.Index {
		r.Floor = position{Index: r.Index, Term: r.Term}
	}
	if _, err := l.engine.Flush(l.store.life); err != nil {
		return fmt.Errorf("snapshot: flush: %w", err)
	}
	if d := l.engine.Durable(); d < r.Floor.Index {
		return fmt.Errorf("%w: up to entry %d, not %d", ErrNotDurable, d, r.Floor.Index)
	}
	return l.store.commitLocal(r, number, l.state)
}

// commitLocal replaces the file, unless the snapshot is not the newest any more: a
// peer's may have been installed since it was begun.
func (s *Store) commitLocal(r record, number, state uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	next, err := s.follow(r, number, state)
	if err != nil {
		return err
	}
	if err := s.write(next); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = next
	return nil
}

// follow returns what comes after what is there.
func (s *Store) follow(r record, number, state uint64) (meta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return meta{}, err
	}
	if s.installing || s.now.State != state {
		return meta{}, fmt.Errorf("%w: the state was replaced", ErrStale)
	}
	if old := s.now.Snapshot; old != nil {
		if old.Index > r.Index {
			return meta{}, fmt.Errorf("%w: there is one of entry %d, this is of %d", ErrStale, old.Index, r.Index)
		}
		if old.Floor.Index > r.Floor.Index {
			r.Floor = old.Floor
		}
	}
	return meta{Number: max(number, s.now.Number), State: state, Snapshot: &r}, nil
}
