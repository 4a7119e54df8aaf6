package replica

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// fsm applies entries to the state. Raft calls it from one goroutine.
type fsm struct {
	s       *session
	machine *state.Machine

	// busy is since when Raft has been waiting for the engine, in ns since
	// session.started; 0: it is not. A watchdog compares it with the deadline.
	busy atomic.Int64
}

var (
	_ raft.BatchingFSM = (*fsm)(nil)
	_ raft.FSM         = (*fsm)(nil)
)

// applying is for how long Raft has been waiting for the engine, 0 if it is not.
func (f *fsm) applying() time.Duration {
	since := f.busy.Load()
	if since == 0 {
		return 0
	}
	return time.Since(f.s.started) - time.Duration(since)
}

// Apply implements raft.FSM; Raft calls ApplyBatch.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM: all entries go into one batch of the
// engine. Each answer is a []state.Result or an error. After an error the state
// does not go on: what Raft still hands over is not applied.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	f.busy.Store(int64(time.Since(f.s.started)) | 1)
	defer f.busy.Store(0)
	answers := make([]any, len(logs))
	err := f.s.failure()
	if err == nil {
		err = f.apply(logs, answers)
	}
	if err != nil {
		f.s.fail(err)
		for i := range answers {
			answers[i] = err
		}
	}
	return answers
}

// apply applies what the engine does not have yet: after a restart Raft begins
// where its snapshot ends, and the engine may be further.
func (f *fsm) apply(logs []*raft.Log, answers []any) error {
	store, release := f.s.store.use()
	defer release()
	have, _ := store.Applied()
	batch := store.NewBatch()
	defer batch.Close()
	last := have
	for i, l := range logs {
		if l.Type != raft.LogCommand || l.Index <= have.Index {
			continue
		}
		results, err := f.machine.Apply(batch, l.Data)
		if err != nil {
			return fmt.Errorf("entry %d: %w", l.Index, err)
		}
		last = engine.Applied{Index: l.Index, Term: l.Term}
		batch.Seal(last)
		answers[i] = results
		_, chain := batch.Applied()
		f.s.chains.note(l.Index, chain)
		if err := errors.Join(f.s.chains.compare(results), f.raised(results)); err != nil {
			return err
		}
	}
	if last == have {
		return nil
	}
	if err := batch.Commit(last); err != nil {
		return err
	}
	f.s.clock.applied(stampOf(store, f.s.cfg.Partition), time.Now(), f.s.isLive(last.Index))
	f.s.applied.advance(last.Index)
	return nil
}

// Snapshot implements raft.FSM: the state is its own snapshot.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if err := f.s.failure(); err != nil {
		return nil, err
	}
	return f.s.snapshots.Snapshot(), nil
}

// Restore implements raft.FSM: what was received takes the state's place.
func (f *fsm) Restore(source io.ReadCloser) error {
	err := errors.Join(f.s.install(), source.Close())
	if err != nil {
		f.s.fail(err) // the old state may be closed already
	}
	return err
}
