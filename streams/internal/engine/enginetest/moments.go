package enginetest

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// testChainAndBatches: how entries are put together in batches, and when they
// are flushed, does not show in the chain.
func testChainAndBatches(t *testing.T, open Open) {
	script := Script{Seed: Seed(t)}
	want := NewModel(script).To(60)
	for _, size := range []uint64{1, 4, 7, 60} {
		s := fresh(t, open)
		for from := uint64(1); from <= 60; from += size {
			must(t, script.Commit(s, from, min(from+size-1, 60)))
		}
		Check(t, s, want)
	}
}

// testChainSeesAll: any difference in what is written, or under which entry,
// shows in the chain.
func testChainSeesAll(t *testing.T, open Open) {
	seen := map[engine.Chain]int{}
	for n, write := range []func(engine.Batch){
		func(engine.Batch) {},
		func(b engine.Batch) { b.Set(key(1), []byte("ab")) },
		func(b engine.Batch) { b.Set(key(1, 'a'), []byte("b")) },
		func(b engine.Batch) { b.Set(key(1, 'a', 'b')) },
		func(b engine.Batch) { b.Delete(key(1, 'a', 'b')) },
		func(b engine.Batch) { b.DeleteRange(key(1, 'a'), key(2, 'b')) },
		func(b engine.Batch) { b.DeleteRange(key(2, 'b'), key(1, 'a')) },
		func(b engine.Batch) { b.Set(key(1), []byte("x")); b.Set(key(1), []byte("ab")) },
		func(b engine.Batch) { b.Set(key(1), []byte("ab")); b.Seal(at(1)) },
		func(b engine.Batch) { b.Seal(at(1)); b.Set(key(1), []byte("ab")) },
	} {
		s := fresh(t, open)
		batch := s.NewBatch()
		write(batch)
		must(t, batch.Commit(at(2)))
		_, chain := s.Applied()
		if other, ok := seen[chain]; ok {
			t.Errorf("%d has the chain of %d", n, other)
		}
		seen[chain] = n
	}
}

// testSnapshotUnderWrite: a snapshot sees its moment while the writer goes on,
// and readers see batches whole.
func testSnapshotUnderWrite(t *testing.T, open Open) {
	script := Script{Seed: Seed(t)}
	s := fresh(t, open)
	const last = 400
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := uint64(1); i <= last; i += 2 {
			if err := script.Commit(s, i, i+1); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer writer.Wait()
	m := NewModel(script)
	for m.Applied.Index < last && !t.Failed() {
		snap, err := s.Snapshot()
		must(t, err)
		now, _ := snap.Applied()
		if now.Index%2 != 0 {
			t.Errorf("a snapshot of half a batch, at %d", now.Index)
		}
		m.To(now.Index)
		if err := errors.Join(Compare(snap, m), Compare(snap, m), snap.Close()); err != nil {
			t.Error(err)
			break
		}
	}
}

// testFlush: Durable says what Flush said, and never more than was applied.
func testFlush(t *testing.T, open Open) {
	script := Script{Seed: Seed(t)}
	s := fresh(t, open)
	if got := s.Durable(); got != 0 {
		t.Errorf("durable %d at first", got)
	}
	for i := uint64(1); i <= 30; i++ {
		must(t, script.Commit(s, i, i))
		if got := s.Durable(); got > i {
			t.Errorf("durable %d of %d", got, i)
		}
		if i%10 == 0 {
			got, err := s.Flush(t.Context())
			if err != nil || got != i || s.Durable() != i {
				t.Errorf("flush: %d, %v; durable %d, want %d", got, err, s.Durable(), i)
			}
		}
	}
	if s.Size() <= 0 {
		t.Errorf("size %d", s.Size())
	}
	Check(t, s, NewModel(script).To(30))
}

// testCheckpoint: a copy holds what was applied, has a life of its own, and the
// store does not see it.
func testCheckpoint(t *testing.T, open Open) {
	script := Script{Seed: Seed(t), Large: true}
	s, dir := fresh(t, open), filepath.Join(t.TempDir(), "copy")
	must(t, script.Commit(s, 1, 40))
	got, err := s.Checkpoint(t.Context(), dir)
	if err != nil || got != script.Position(40) || s.Durable() != 40 {
		t.Fatalf("checkpoint: %v, %v; durable %d", got, err, s.Durable())
	}
	if _, err := s.Checkpoint(t.Context(), dir); err == nil {
		t.Error("a checkpoint over another one")
	}
	must(t, script.Commit(s, 41, 60))
	fork := keep(t, open, dir)
	Check(t, fork, NewModel(script).To(40))
	must(t, script.Commit(fork, 41, 50))
	Check(t, fork, NewModel(script).To(50))
	Check(t, s, NewModel(script).To(60))
}

// testCheckpointUnderWrite: a copy that is made while the writer goes on is one
// moment, not before the call.
func testCheckpointUnderWrite(t *testing.T, open Open) {
	script := Script{Seed: Seed(t)}
	s := fresh(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := uint64(1); ctx.Err() == nil && i < 20_000; i++ {
			if err := script.Commit(s, i, i); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer writer.Wait()
	defer cancel()
	for range 3 {
		before, _ := s.Applied()
		dir := filepath.Join(t.TempDir(), "copy")
		got, err := s.Checkpoint(t.Context(), dir)
		if err != nil || got.Index < before.Index {
			t.Errorf("checkpoint: %v, %v, begun at %v", got, err, before)
			return
		}
		Check(t, keep(t, open, dir), NewModel(script).To(got.Index))
	}
}

// testClosed: after Close everything is ErrClosed, and nothing hangs.
func testClosed(t *testing.T, open Open) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	letters(t, s)
	snap, err := s.Snapshot()
	must(t, err)
	batch := s.NewBatch()
	batch.Set(key(1, 9), []byte("x"))
	must(t, s.Close())
	must(t, s.Close())
	_, flushErr := s.Flush(t.Context())
	_, getErr := s.Get(key(1, 1), nil)
	_, snapErr := snap.Get(key(1, 1), nil)
	_, newErr := s.Snapshot()
	_, copyErr := s.Checkpoint(t.Context(), filepath.Join(t.TempDir(), "copy"))
	for what, err := range map[string]error{
		"flush": flushErr, "get": getErr, "snapshot get": snapErr, "snapshot": newErr,
		"checkpoint": copyErr, "commit": batch.Commit(at(2)), "new commit": s.NewBatch().Commit(at(2)),
		"scan": scanErr(s), "snapshot scan": scanErr(snap),
	} {
		if !errors.Is(err, engine.ErrClosed) {
			t.Errorf("%s after close: %v", what, err)
		}
	}
	must(t, snap.Close())
	batch.Close()
}

func scanErr(r engine.Reader) error {
	for _, err := range r.Scan(nil, nil, engine.Ascending) {
		if err != nil {
			return err
		}
	}
	return nil
}
